import { calibrate } from './calibrate.ts'

try {
  console.log(await calibrate(process.argv.slice(2), (line) => { console.error(line) }))
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
