/** `npm run doctor`: checks a deployment, and prints one line for each check. */
import { styleText } from 'node:util'
import { readEnvironment } from '../../env-file.ts'
import { doctor } from './doctor.ts'
import type { Finding } from './finding.ts'

const labels = { ok: 'ok     ', failed: 'FAILED ', unknown: 'unknown' }
const colors = { ok: 'green', failed: 'red', unknown: 'yellow' } as const

const { FORCE_COLOR, NO_COLOR } = process.env
const isColored = !NO_COLOR && (process.stdout.isTTY || FORCE_COLOR !== undefined)

function describe ({ check, state, text }: Finding): string {
  return `${isColored ? styleText(colors[state], labels[state]) : labels[state]} ${check}: ${text}`
}

try {
  for await (const finding of doctor(readEnvironment())) {
    console.log(describe(finding))
    if (finding.state === 'failed') process.exitCode = 1
  }
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
