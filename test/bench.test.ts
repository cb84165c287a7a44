import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { compiled } from './support/process.ts'

/** Runs the bench. It is not part of the service, so its coverage is not measured. */
function bench (...args: string[]) {
  return spawnSync(process.execPath, [compiled('bench/main.ts'), ...args], {
    encoding: 'utf8', env: { PATH: process.env['PATH'] }
  })
}

t.test('the bench runs end to end, and prints a table for each benchmark', async (t) => {
  const { status, stdout, stderr } = bench('--quick', 'login-cost', 'sweep', 'signing')
  t.equal(status, 0, stderr)
  const titles = Array.from(stdout.matchAll(/^## (.+)$/gm), ([, title]) => title)
  t.strictSame(titles, [
    'A login compared with its hash', 'Throughput and refusals from 1 to 512 concurrent clients', 'Signing a token'
  ])
  t.match(stdout, /^\| least login \| [\d.]+ ms \| [\d.]+× \| [\d.]+ \| [\d.]+× \|$/m)
  t.match(stdout, /^\| HS256 \| [\d.]+ µs \| 1\.0× \|$/m)
  t.match(stdout, /^\| 8 \| [\d.]+ \| [\d.]+× \| \d+ ms \| \d+ ms \|/m)
  t.notMatch(stdout, /NaN|undefined/)
  const page = readFileSync('docs/benchmarks.md', 'utf8')
  for (const title of titles) t.match(page, `\n## ${String(title)}\n`)
})

t.test('an unknown benchmark is an error that lists the known ones', async (t) => {
  const { status, stderr } = bench('nothing')
  t.strictSame([status, stderr], [1, 'Unknown benchmark nothing: use login-cost, sweep, refusals, signing, login-timing, mail-timing\n'])
})
