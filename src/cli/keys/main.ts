import { readEnvironment } from '../../env-file.ts'
import { keys } from './keys.ts'

try {
  console.log(await keys(process.argv.slice(2), readEnvironment()))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
