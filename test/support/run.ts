/**
 * Runs the compiled tests: those that the arguments name by source file or folder, or all of them. Takes tap's options.
 *
 * tap's own command adds module hooks to every process that a test starts (0.4 s of CPU each on Node.js 20) and starts
 * the files in alphabetical order. This runner adds nothing, and starts the slowest files of the last run first.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { TapConfig } from '@tapjs/config'
import { report } from '@tapjs/reporter'
import t from 'tap'
import { compiled, v8Options } from './process.ts'

const timesFile = 'build/test-times.json'
/** They run for long, so they start first where no earlier run has left its times. */
const long = [
  'check', 'adapting', 'sessions/races', 'mail/races', 'bench', 'cli/doctor/doctor', 'sandbox/page', 'sandbox/project', 'walkthrough'
].map(name => `test/${name}.test.ts`)

function testsIn (path: string): string[] {
  if (!statSync(path).isDirectory()) return [normalize(path)]
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map(name => join(path, name))
    .filter(name => name.endsWith('.test.ts'))
}

const config = await TapConfig.load()
const { positionals } = config.parse()
const times = (existsSync(timesFile) ? JSON.parse(readFileSync(timesFile, 'utf8')) : {}) as Record<string, number>
const timeOf = (file: string): number => times[file] ?? (long.includes(file) ? Infinity : 60_000)
const files = [...new Set((positionals.length > 0 ? positionals : ['test']).flatMap(testsIn))]
  .sort((a, b) => timeOf(b) - timeOf(a) || a.localeCompare(b))

const reporter = config.get('reporter')
t.setTimeout(0)
t.jobs = Math.min(config.get('jobs'), files.length)
t.register()
const isRaw = reporter === 'tap'
if (isRaw) t.pipe(process.stdout)
else void report(reporter, t, config)
t.plan(files.length)
const timeout = config.get('timeout') * 1000
await Promise.all(files.map(async (file) => {
  // tap puts its module hooks into NODE_OPTIONS.
  const command = [process.execPath, ...v8Options, '--enable-source-maps', compiled(file), ...config.get('test-arg')]
  const result = await t.spawn('env', ['-u', 'NODE_OPTIONS', ...command], { buffered: t.jobs > 1, timeout, stdio: isRaw ? 'inherit' : 'pipe' }, file)
  if (result?.time) times[file] = Math.round(result.time)
}))
mkdirSync('build', { recursive: true })
writeFileSync(timesFile, `${JSON.stringify(times, undefined, 2)}\n`)
