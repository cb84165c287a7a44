/**
 * `npm run bench`: all benchmarks, whose results replace those in docs/benchmarks.md. `npm run bench -- <name> …` runs
 * some of them and prints the results; `--quick` is a smoke test.
 */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { loginCost } from './login-cost.ts'
import { loginSessions } from './login-sessions.ts'
import { loginTiming } from './login-timing.ts'
import { mailTiming } from './mail-timing.ts'
import { refreshRate } from './refresh-rate.ts'
import { refusals } from './refusals.ts'
import { toMarkdown, writeResults } from './report.ts'
import type { Context, Report } from './report.ts'
import { stopAll } from './servers.ts'
import { sessionTable } from './session-table.ts'
import { signing } from './signing.ts'
import { sweep } from './sweep.ts'

const benchmarks = new Map<string, (context: Context) => Promise<Report>>([
  ['login-cost', loginCost], ['sweep', sweep], ['refusals', refusals], ['signing', signing], ['refresh-rate', refreshRate],
  ['login-sessions', loginSessions], ['session-table', sessionTable], ['login-timing', loginTiming], ['mail-timing', mailTiming]
])

async function run (names: string[], isQuick: boolean): Promise<Report[]> {
  const [memoryCost, timeCost] = isQuick ? [8, 1] : [19_456, 2]
  const reports: Report[] = []
  for (const name of names) {
    const report = await benchmarks.get(name)?.({
      isQuick, cost: { memoryCost, timeCost, parallelism: 1 }, rounds: isQuick ? 1 : 20, progress: (text) => { console.error(`${name}: ${text}`) }
    })
    await stopAll()
    if (report === undefined) continue
    console.log(`${toMarkdown(report)}\n`)
    reports.push(report)
  }
  return reports
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } })
const unknown = positionals.find(name => !benchmarks.has(name))
if (unknown !== undefined) {
  console.error(`Unknown benchmark ${unknown}: use ${Array.from(benchmarks.keys()).join(', ')}`)
  process.exit(1)
}
const names = positionals.length > 0 ? positionals : Array.from(benchmarks.keys())
const loadBefore = loadavg()[0] ?? NaN
const reports = await run(names, values.quick)
const failures = reports.flatMap(({ failure = [] }) => failure)
for (const failure of failures) console.error(failure)
if (failures.length > 0) process.exitCode = 1
else if (!values.quick && positionals.length === 0) writeResults(reports, loadBefore)
