import { availableParallelism, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { hash } from '@node-rs/argon2'
import { configSchema } from '../../config.ts'
import { maxKibTimesPasses } from '../../password/argon2-parameters.ts'
import { startThreadPool } from '../../password/threads.ts'
import type { ThreadPool } from '../../password/threads.ts'

const help = `Measures this machine and proposes parameters of Argon2id. Run it where the service will run, while nothing else runs.

  npm run calibrate
      --target-milliseconds <number>   how long one hash may take; 100 by default
      --concurrency <number>           how many hashes run at once (PASSWORD_CONCURRENCY); the processors by default
      --memory-mebibytes <number>      what all of them together may use; half of the memory by default

It starts from the five pairs of memory and passes that OWASP recommends as equally strong, and makes each of them stronger
until a hash takes the target time. It never proposes less than OWASP recommends.`

/** KiB and passes: the minimum in OWASP's Password Storage Cheat Sheet, each with one lane. */
const owasp = [[47_104, 1], [19_456, 2], [12_288, 3], [9216, 4], [7168, 5]] as const

const { ARGON2_MEMORY_KIB: { maximum: maxMemoryKib }, ARGON2_PASSES: { maximum: maxPasses } } = configSchema.properties

/** A terabyte, more than any machine of today gives to one service. */
const maxMebibytes = 2 ** 20

interface Cost { memoryKib: number, passes: number }

export interface Proposal extends Cost {
  /** Of one hash while no other runs. */
  milliseconds: number
  /** Of each processor, while as many hashes run as the service allows. */
  hashesPerSecond: number
}

interface Options { targetMilliseconds: number, concurrency: number, memoryMebibytes: number }

function readNumber (name: string, value: string | undefined, default_: number, maximum: number): number {
  const number = Number(value ?? default_)
  if (Number.isInteger(number) && number >= 1 && number <= maximum) return number
  throw new Error(`--${name} must be a whole number from 1 to ${maximum}`)
}

type Values = Partial<Record<'target-milliseconds' | 'concurrency' | 'memory-mebibytes', string | undefined>>

function readOptions (values: Values): Options {
  const concurrency = readNumber('concurrency', values.concurrency, availableParallelism(), 1024)
  // 0 if the process has no limit of its own.
  const limits = [totalmem(), process.constrainedMemory()].filter(bytes => bytes > 0)
  const half = Math.floor(Math.min(...limits) / 2 ** 21)
  const memoryMebibytes = readNumber('memory-mebibytes', values['memory-mebibytes'], half, maxMebibytes)
  if (memoryMebibytes < 7 * concurrency) {
    throw new Error(`--memory-mebibytes must be at least ${7 * concurrency} for ${concurrency} hashes at once`)
  }
  const targetMilliseconds = readNumber('target-milliseconds', values['target-milliseconds'], 100, 5000)
  return { targetMilliseconds, concurrency, memoryMebibytes }
}

/** Verifies hashes for some milliseconds, at least one for each of `concurrency`. */
async function measure (pool: ThreadPool, { memoryKib, passes }: Cost, concurrency: number, milliseconds: number) {
  const stored = await hash('a-password', { memoryCost: memoryKib, timeCost: passes, parallelism: 1 })
  const times: number[] = []
  const start = performance.now()
  await Promise.all(Array.from({ length: concurrency }, async () => {
    do {
      const begin = performance.now()
      await pool.call('verifyArgon2', stored, 'a-password')
      times.push(performance.now() - begin)
    } while (performance.now() - start < milliseconds)
  }))
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]
  return { milliseconds: Number(median), perSecond: times.length / (performance.now() - start) * 1000 }
}

/**
 * Makes a recommended pair stronger. It adds memory first, which costs an attacker most, and passes if memory is at its
 * bound.
 *
 * @param product - KiB times passes, to which the time of a hash is roughly proportional
 */
export function strengthen ([memoryKib, passes]: readonly [number, number], product: number, boundKib: number): Cost {
  const wanted = Math.max(memoryKib * passes, product)
  const bound = Math.min(boundKib, maxMemoryKib, maxKibTimesPasses / passes)
  const memory = Math.max(memoryKib, Math.floor(Math.min(bound, wanted / passes) / 1024) * 1024)
  const most = Math.min(maxPasses, Math.floor(maxKibTimesPasses / memory))
  return { memoryKib: memory, passes: Math.max(passes, Math.min(most, Math.floor(wanted / memory))) }
}

async function propose (pool: ThreadPool, pair: typeof owasp[number], options: Options): Promise<Proposal> {
  const { targetMilliseconds, concurrency, memoryMebibytes } = options
  const milliseconds = Math.min(2000, Math.max(200, 5 * targetMilliseconds))
  let cost: Cost = { memoryKib: pair[0], passes: pair[1] }
  let alone = await measure(pool, cost, 1, 200)
  // Twice, because time grows faster than memory once a hash no longer fits into the cache.
  for (let round = 0; round < 2; round++) {
    const product = cost.memoryKib * cost.passes * targetMilliseconds / alone.milliseconds
    cost = strengthen(pair, product, memoryMebibytes * 1024 / concurrency)
    alone = await measure(pool, cost, 1, milliseconds)
  }
  const together = await measure(pool, cost, concurrency, milliseconds)
  const processors = Math.min(concurrency, availableParallelism())
  return { ...cost, milliseconds: alone.milliseconds, hashesPerSecond: together.perSecond / processors }
}

function line (memory: string, passes: string, time: string, rate: string, total: string): string {
  return `${memory.padStart(10)}${passes.padStart(8)}${time.padStart(12)}${rate.padStart(26)}${total.padStart(24)}`
}

/** The text with the proposals, and the lines for .env with the best of them. */
export function recommend (proposals: Proposal[], { targetMilliseconds, concurrency }: Options): string {
  // A tenth more, because measurements vary.
  const inTime = proposals.filter(({ milliseconds }) => milliseconds <= targetMilliseconds * 1.1)
  const isInTime = inTime.length > 0
  const best = isInTime
    ? inTime.reduce((best, other) => other.memoryKib > best.memoryKib ? other : best)
    : proposals.reduce((best, other) => other.milliseconds < best.milliseconds ? other : best)
  return [
    line('memory KiB', 'passes', 'one hash', 'hashes/s per processor', `memory of ${concurrency} at once`),
    ...proposals.map(({ memoryKib, passes, milliseconds, hashesPerSecond }) => line(
      String(memoryKib), String(passes), `${milliseconds.toFixed(1)} ms`, hashesPerSecond.toFixed(1),
      `${Math.ceil(memoryKib * concurrency / 1024)} MiB`
    )),
    '',
    isInTime
      ? `The most memory within ${targetMilliseconds} ms, because memory is what costs an attacker most:`
      : `Nothing as strong as OWASP recommends takes ${targetMilliseconds} ms or less on this machine. The fastest:`,
    '',
    `ARGON2_MEMORY_KIB=${best.memoryKib}`,
    `ARGON2_PASSES=${best.passes}`,
    'ARGON2_LANES=1'
  ].join('\n')
}

/**
 * Runs the command `calibrate`.
 *
 * @param args - the arguments of the command line
 * @param progress - receives a line about what is measured now
 * @returns the text to print
 * @throws Error whose message is for the user
 */
export async function calibrate (args: string[], progress: (line: unknown) => void): Promise<string> {
  const string = { type: 'string' } as const
  const options = {
    'target-milliseconds': string, 'concurrency': string, 'memory-mebibytes': string, 'help': { type: 'boolean', short: 'h' }
  } as const
  const { values } = parseArgs({ args, options })
  if (values.help) return help
  const wanted = readOptions(values)
  const pool = await startThreadPool(progress)
  const proposals: Proposal[] = []
  for (const pair of owasp) {
    if (pair[0] > wanted.memoryMebibytes * 1024 / wanted.concurrency) continue
    progress(`Measuring ${pair[0]} KiB with ${pair[1]} passes, and stronger`)
    proposals.push(await propose(pool, pair, wanted))
  }
  await pool.close()
  return recommend(proposals, wanted)
}
