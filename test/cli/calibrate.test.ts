import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import t from 'tap'
import { calibrate, recommend, strengthen } from '../../src/cli/calibrate/calibrate.ts'
import { compiled, start } from '../support/process.ts'

const options = { targetMilliseconds: 100, concurrency: 4, memoryMebibytes: 1024 }
const proposals = [
  { memoryKib: 65_536, passes: 1, milliseconds: 109.9, hashesPerSecond: 8 },
  { memoryKib: 98_304, passes: 2, milliseconds: 110.1, hashesPerSecond: 7.25 },
  { memoryKib: 12_288, passes: 9, milliseconds: 98, hashesPerSecond: 9.5 }
]
const table = [
  'memory KiB  passes    one hash    hashes/s per processor     memory of 4 at once',
  '     65536       1    109.9 ms                       8.0                 256 MiB',
  '     98304       2    110.1 ms                       7.3                 384 MiB',
  '     12288       9     98.0 ms                       9.5                  48 MiB',
  ''
]

t.test('the recommendation is the most memory within the target, with a tenth for noise', async (t) => {
  t.strictSame(recommend(proposals, options).split('\n'), [
    ...table,
    'The most memory within 100 ms, because memory is what costs an attacker most:',
    '',
    'ARGON2_MEMORY_KIB=65536',
    'ARGON2_PASSES=1',
    'ARGON2_LANES=1'
  ])
  t.match(recommend(proposals.toReversed(), options), 'ARGON2_MEMORY_KIB=65536\n')
})

t.test('if nothing as strong as OWASP recommends is within the target, the recommendation is the fastest', async (t) => {
  t.strictSame(recommend(proposals, { ...options, targetMilliseconds: 10 }).split('\n'), [
    ...table,
    'Nothing as strong as OWASP recommends takes 10 ms or less on this machine. The fastest:',
    '',
    'ARGON2_MEMORY_KIB=12288',
    'ARGON2_PASSES=9',
    'ARGON2_LANES=1'
  ])
})

t.test('a pair becomes stronger by memory first, then by passes, and never weaker', async (t) => {
  const table = [
    { pair: [19_456, 2], product: 0, bound: 1e6, memoryKib: 19_456, passes: 2 },
    { pair: [19_456, 2], product: 100_000, bound: 1e6, memoryKib: 49_152, passes: 2 },
    { pair: [19_456, 2], product: 100_000, bound: 20_480, memoryKib: 20_480, passes: 4 },
    { pair: [47_104, 1], product: 1e9, bound: 1e6, memoryKib: 262_144, passes: 4 },
    { pair: [7168, 5], product: 1e9, bound: 7168, memoryKib: 7168, passes: 64 }
  ] as const
  for (const { pair, product, bound, ...expected } of table) t.strictSame(strengthen(pair, product, bound), expected)
  const pairs = fc.constantFrom<[number, number]>([47_104, 1], [19_456, 2], [12_288, 3], [9216, 4], [7168, 5])
  const products = fc.double({ min: 0, max: 1e8, noNaN: true })
  const bounds = fc.integer({ min: 47_104, max: 1_000_000 })
  fc.assert(fc.property(pairs, products, bounds, (pair, product, bound) => {
    const { memoryKib, passes } = strengthen(pair, product, bound)
    return memoryKib >= pair[0] && passes >= pair[1] && memoryKib <= Math.min(bound, 262_144)
      && passes <= 64 && memoryKib * passes <= 1_048_576
  }))
})

t.test('it measures the pairs that the memory allows', async (t) => {
  const lines: unknown[] = []
  // No machine computes even the fastest pair in a millisecond.
  const args = ['--target-milliseconds', '1', '--memory-mebibytes', '10', '--concurrency', '1']
  const printed = await calibrate(args, (line) => { lines.push(line) })
  t.strictSame(lines, [
    'Measuring 9216 KiB with 4 passes, and stronger', 'Measuring 7168 KiB with 5 passes, and stronger'
  ])
  t.match(printed, /^memory KiB.*\n +9216 +4 .*\n +7168 +5 .*\n\nNothing as strong as OWASP recommends takes 1 ms or/)
  t.match(printed, /ARGON2_MEMORY_KIB=(9216\nARGON2_PASSES=4|7168\nARGON2_PASSES=5)\nARGON2_LANES=1$/)
})

t.test('unusable arguments are reported in one line that names them', async (t) => {
  const table: Array<[string[], RegExp | string]> = [
    [['--target-milliseconds', 'soon'], '--target-milliseconds must be a whole number from 1 to 5000'],
    [['--target-milliseconds', '5001'], '--target-milliseconds must be a whole number from 1 to 5000'],
    [['--concurrency', '0'], '--concurrency must be a whole number from 1 to 1024'],
    [['--concurrency', '1.5'], '--concurrency must be a whole number from 1 to 1024'],
    [['--memory-mebibytes', ''], '--memory-mebibytes must be a whole number from 1 to 1048576'],
    [['--concurrency', '4', '--memory-mebibytes', '27'], '--memory-mebibytes must be at least 28 for 4 hashes at once'],
    [['--size', '1'], /^Unknown option '--size'/],
    [['fast'], /^Unexpected argument 'fast'/]
  ]
  for (const [args, message] of table) {
    await t.rejects(calibrate(args, () => { t.fail('nothing is measured') }), { message }, args.join(' '))
  }
})

t.test('the command prints help and errors, and sets the exit code', async (t) => {
  const run = async (...args: string[]): Promise<unknown[]> => {
    const { child, stderr } = start(t, {}, undefined, [compiled('src/cli/calibrate/main.ts'), ...args])
    const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<unknown[]>])
    return [stdout, await stderr, code]
  }
  const small = ['--target-milliseconds', '1', '--memory-mebibytes', '7', '--concurrency', '1']
  const [help, failure, success] = await Promise.all([run('--help'), run('--concurrency', 'all'), run(...small)])
  t.match(help, [/^Measures this machine and proposes[\s\S]*--memory-mebibytes <number>/, /^$/, 0])
  t.strictSame(failure, ['', '--concurrency must be a whole number from 1 to 1024\n', 1])
  t.match(success, [
    /ARGON2_MEMORY_KIB=7168\nARGON2_PASSES=5\nARGON2_LANES=1\n$/, /^Measuring 7168 KiB with 5 passes/, 0
  ])
})
