/**
 * `npm run bench`: every benchmark in order; `npm run bench -- <name>…`: some of them; `--quick`: a smoke run.
 *
 * A full run is kept where nothing was skipped: `bench/results.json`, `docs/sweep.svg` and the tables in
 * `docs/operations.md`. The command fails where a goal is missed, but for a smoke run.
 */
import { parseArgs } from 'node:util'
import { readOrExit } from './arguments.ts'
import { Skip } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { flask } from './flask.ts'
import { loginCost } from './login-cost.ts'
import { loginTiming } from './login-timing.ts'
import { overhead } from './overhead.ts'
import { stopAll } from './processes.ts'
import { refuse } from './refusals.ts'
import { keepReports, markdownReport, markdownSkip } from './report.ts'
import type { Reports } from './report.ts'
import { build } from './service.ts'
import { signing } from './signing.ts'
import { soak } from './soak.ts'
import { startTime } from './start-time.ts'
import { sweep } from './sweep.ts'
import { threads } from './threads.ts'

const benchmarks: Record<string, (context: Context) => Promise<Report>> = {
  'login-cost': loginCost,
  flask,
  sweep,
  overhead,
  threads,
  signing,
  'refusals': refuse,
  'start': startTime,
  soak,
  'login-timing': loginTiming
}

function readArguments (): { names: string[], quick: boolean } {
  const options = { quick: { type: 'boolean', default: false } } as const
  const { positionals, values } = parseArgs({ allowPositionals: true, options })
  const unknown = positionals.filter(name => !Object.hasOwn(benchmarks, name))
  if (unknown.length > 0) throw new RangeError(`There is no benchmark ${unknown.join(', ')}: there are ${Object.keys(benchmarks).join(', ')}`)
  return { names: positionals.length > 0 ? positionals : Object.keys(benchmarks), quick: values.quick }
}

/** Runs one benchmark, prints its tables, and ends what it has started. */
async function run (name: string, context: Omit<Context, 'progress'>): Promise<Reports[string]> {
  const begin = Date.now()
  const progress = (text: string): void => { console.error(`${name}: ${text}`) }
  try {
    const report = await benchmarks[name]?.({ ...context, progress }) ?? { skipped: 'there is none of that name' }
    console.log(`\n${'skipped' in report ? markdownSkip(name, report.skipped) : markdownReport(report)}`)
    return report
  } catch (error) {
    if (!(error instanceof Skip)) throw error
    console.log(`\n${markdownSkip(name, error.message)}`)
    return { skipped: error.message }
  } finally {
    await stopAll()
    progress(`${((Date.now() - begin) / 1000).toFixed(1)} s`)
  }
}

const { names, quick } = readOrExit(readArguments)
build(quick)
if (quick) console.log('A smoke run: its numbers mean nothing.')
const keep = !quick && names.length === Object.keys(benchmarks).length
const cost = { memoryCost: quick ? 8 : 19_456, timeCost: quick ? 1 : 2, parallelism: 1 }
const reports: Reports = {}
for (const name of names) reports[name] = await run(name, { quick, keep, cost, pairs: quick ? 1 : 10 })
const skipped = Object.keys(reports).filter(name => 'skipped' in (reports[name] ?? {}))
if (keep && skipped.length === 0) keepReports(reports)
else if (keep) console.error(`not kept: ${skipped.join(', ')} could not run here`)
const goals = Object.values(reports).flatMap(report => ('skipped' in report ? [] : report.goals))
if (!quick && goals.some(({ isMet }) => !isMet)) process.exitCode = 1
