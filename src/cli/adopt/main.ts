import { adopt } from './adopt.ts'

try {
  console.log(adopt(process.argv.slice(2)))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
