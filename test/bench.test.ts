import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { noServer } from './support/postgres.ts'
import { compiled } from './support/process.ts'
import { skipSlow } from './support/slow.ts'

/** Runs the bench. It is not part of the service, so its coverage is not measured. */
function bench (...args: string[]) {
  const { PATH, TEST_DATABASE_URL } = process.env
  return spawnSync(process.execPath, [compiled('bench/main.ts'), ...args], {
    encoding: 'utf8', env: { PATH, ...(TEST_DATABASE_URL !== undefined && { TEST_DATABASE_URL }) }
  })
}

t.test('the bench runs end to end, and prints a table for each benchmark', { skip: skipSlow }, async (t) => {
  const { status, stdout, stderr } = bench(
    '--quick', 'login-cost', 'sweep', 'signing', 'refresh-rate', 'login-sessions', 'login-timing', 'mail-timing'
  )
  t.equal(status, 0, stderr)
  const titles = Array.from(stdout.matchAll(/^## (.+)$/gm), ([, title]) => title)
  t.strictSame(titles, [
    'A login compared with its hash', 'Throughput and refusals from 1 to 512 concurrent clients', 'Signing a token',
    'Refreshes from 1 to 256 concurrent clients', 'A login with a session', 'The time of a failed login',
    'The time of a request for mail'
  ])
  t.match(stdout, /^\| least login \| [\d.]+ ms \| [\d.]+× \| [\d.]+ \| [\d.]+× \|$/m)
  t.match(stdout, /^\| HS256 \| [\d.]+ µs \| 1\.0× \|$/m)
  t.match(stdout, /^\| 8 \| [\d.]+ \| [\d.]+× \| \d+ ms \| \d+ ms \|/m)
  t.match(stdout, /^\| ES256 \| 16 (?:\| \d+ \| [\d.]+ ms (?:\| [\d.]+× )?){3}\|$/m)
  t.match(stdout, /^\| with a session \| [\d.]+ ms \| \d+ \| 2 \|$/m)
  t.notMatch(stdout, /NaN|undefined/)
  const page = readFileSync('docs/benchmarks.md', 'utf8')
  for (const title of titles) t.match(page, `\n## ${String(title)}\n`)
})

t.test('refreshes with many sessions need a PostgreSQL server', { skip: noServer }, async (t) => {
  const { status, stdout, stderr } = bench('--quick', 'session-table')
  t.equal(status, 0, stderr)
  t.match(stdout, /^\| 1,000 \| \d+ \|\n\| 8 \| \d+ \|\n\nThe ratio of the rates is [\d.]+×\./m)
})

t.test('an unknown benchmark is an error that lists the known ones', async (t) => {
  const { status, stderr } = bench('nothing')
  t.strictSame([status, stderr], [1, 'Unknown benchmark nothing: use login-cost, sweep, refusals, signing, refresh-rate, login-sessions, '
  + 'session-table, login-timing, mail-timing\n'])
})
