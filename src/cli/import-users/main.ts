import { importUsers } from './import-users.ts'

try {
  const { output, errors, status } = await importUsers(process.argv.slice(2))
  console.log(output)
  if (errors !== '') console.error(errors)
  process.exitCode = status
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 2
}
