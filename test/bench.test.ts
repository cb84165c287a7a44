import { spawnSync } from 'node:child_process'
import t from 'tap'
import { compiled } from './support/process.ts'

/** Runs a command of the bench to its end. It is not part of the service, so its coverage is not measured. */
function run (...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8', env: { PATH: process.env['PATH'] }
  })
  return { status, stdout, stderr }
}

t.test('the bench runs end to end, and prints a table for each benchmark', async (t) => {
  const { status, stdout, stderr } = run(compiled('bench/main.ts'), '--quick', 'sweep', 'signing')
  t.equal(status, 0, stderr)
  const titles = Array.from(stdout.matchAll(/^### (.+)$/gm), ([, title]) => title)
  t.strictSame(titles, ['From 1 to 512 callers', 'Signing, by algorithm'])
  t.match(stdout, /^\| HS256 \| [\d.]+ \| 1\.0× \|$/m)
  t.match(stdout, /^\| requests without an answer \| ≤ 0 \| 0 \| met \|$/m)
  t.notMatch(stdout, /Skipped|NaN|undefined/)
})

t.test('the bench names its benchmarks where it is asked for another', async (t) => {
  const { status, stderr } = run(compiled('bench/main.ts'), 'nothing')
  t.equal(status, 1)
  t.match(stderr, /^There is no benchmark nothing: there are login-cost, /)
})

t.test('calibrate proposes what OWASP recommends where the target is too short for it', async (t) => {
  const { status, stdout, stderr } = run(compiled('src/cli/calibrate.ts'), '--target-milliseconds', '1', '--memory-mebibytes', '8', '--concurrency', '1')
  t.equal(status, 0, stderr)
  t.match(stdout, /Nothing as strong as OWASP recommends took 1 ms or less here/)
  t.match(stdout, /\nARGON2_MEMORY_KIB=7168\nARGON2_PASSES=5\nARGON2_LANES=1\n$/)
})

t.test('an argument that calibrate cannot use is one line that names it', async (t) => {
  const cases = [
    { args: ['--target-milliseconds', 'soon'], line: '--target-milliseconds must be a whole number from 1 to 5000' },
    {
      args: ['--concurrency', '4', '--memory-mebibytes', '27'],
      line: '--memory-mebibytes must be 28 or more for 4 hashes at once'
    }
  ]
  for (const { args, line } of cases) {
    t.strictSame(run(compiled('src/cli/calibrate.ts'), ...args), { status: 1, stdout: '', stderr: `${line}\n` })
  }
})
