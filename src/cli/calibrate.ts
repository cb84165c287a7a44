/**
 * `npm run calibrate`: measures this machine, and proposes parameters of Argon2id that take about the target time and
 * are at least as strong as what OWASP recommends.
 */
import { availableParallelism, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { readOrExit } from '../../bench/arguments.ts'
import { startBareVerify } from '../../bench/bare-verify.ts'
import type { Cost } from '../../bench/benchmark.ts'
import { stopAll } from '../../bench/processes.ts'
import { markdownTable } from '../../bench/report.ts'

/** KiB and passes, with one lane: the least that OWASP's Password Storage Cheat Sheet recommends, equally strong. */
const weakest = [[47_104, 1], [19_456, 2], [12_288, 3], [9216, 4], [7168, 5]] as const

/** The service's own bounds: KiB, passes, and KiB times passes. */
const bounds = { memory: 262_144, passes: 64, product: 1_048_576 }

interface Wishes { targetMilliseconds: number, concurrency: number, memoryMebibytes: number }

interface Proposal extends Cost { milliseconds: number, perSecondPerCore: number }

function readNumber (name: string, value: string | undefined, default_: number, maximum: number): number {
  const number = Number(value ?? default_)
  if (Number.isInteger(number) && number >= 1 && number <= maximum) return number
  throw new RangeError(`--${name} must be a whole number from 1 to ${maximum}`)
}

/** @throws TypeError or RangeError with a line that says which argument is wrong */
function readWishes (): Wishes {
  const { values } = parseArgs({
    options: {
      'target-milliseconds': { type: 'string' },
      'concurrency': { type: 'string' },
      'memory-mebibytes': { type: 'string' }
    }
  })
  const concurrency = readNumber('concurrency', values.concurrency, availableParallelism(), 1024)
  const half = Math.floor(Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2 ** 21)
  const memoryMebibytes = readNumber('memory-mebibytes', values['memory-mebibytes'], half, 1_048_576)
  if (memoryMebibytes < 7 * concurrency) {
    throw new RangeError(`--memory-mebibytes must be ${7 * concurrency} or more for ${concurrency} hashes at once`)
  }
  const targetMilliseconds = readNumber('target-milliseconds', values['target-milliseconds'], 100, 5000)
  return { targetMilliseconds, concurrency, memoryMebibytes }
}

/**
 * Grows memory first, which is what an attacker pays for, and passes where memory is at its bound.
 *
 * @param work - KiB times passes, to which time is roughly proportional
 */
function strengthen ([memory, passes]: readonly [number, number], work: number, memoryBound: number): Cost {
  const wanted = Math.max(memory * passes, work)
  const bound = Math.min(memoryBound, bounds.memory, bounds.product / passes)
  const memoryCost = Math.max(memory, Math.floor(Math.min(bound, wanted / passes) / 1024) * 1024)
  const mostPasses = Math.min(bounds.passes, Math.floor(bounds.product / memoryCost))
  const timeCost = Math.max(passes, Math.min(mostPasses, Math.floor(wanted / memoryCost)))
  return { memoryCost, timeCost, parallelism: 1 }
}

/** One proposal for each pair of OWASP's that the memory allows, measured. */
async function propose ({ targetMilliseconds, concurrency, memoryMebibytes }: Wishes): Promise<Proposal[]> {
  const { verify } = await startBareVerify(concurrency)
  const milliseconds = Math.min(2000, Math.max(200, 5 * targetMilliseconds))
  const memoryBound = memoryMebibytes * 1024 / concurrency
  const proposals: Proposal[] = []
  for (const pair of weakest) {
    const [memoryCost, timeCost] = pair
    if (memoryCost > memoryBound) continue
    console.error(`measuring from ${memoryCost} KiB × ${timeCost} upwards`)
    let cost: Cost = { memoryCost, timeCost, parallelism: 1 }
    let alone = await verify({ cost, milliseconds: 200, concurrency: 1 })
    // Twice: time grows faster than memory does where it no longer fits into the processor's cache.
    for (let round = 0; round < 2; round++) {
      const work = cost.memoryCost * cost.timeCost * targetMilliseconds / alone.medianMilliseconds
      cost = strengthen(pair, work, memoryBound)
      alone = await verify({ cost, milliseconds, concurrency: 1 })
    }
    const together = await verify({ cost, milliseconds, concurrency })
    const cores = Math.min(concurrency, availableParallelism())
    proposals.push({
      ...cost, milliseconds: alone.medianMilliseconds, perSecondPerCore: together.verified / together.seconds / cores
    })
  }
  return proposals
}

function print (proposals: Proposal[], { targetMilliseconds, concurrency }: Wishes): void {
  console.log(markdownTable({
    columns: ['KiB', 'passes', 'lanes', 'one alone', 'logins a second per core', `memory of ${concurrency} at once`],
    rows: proposals.map(({ memoryCost, timeCost, parallelism, milliseconds, perSecondPerCore }) => [
      String(memoryCost), String(timeCost), String(parallelism), `${milliseconds.toFixed(1)} ms`,
      perSecondPerCore.toFixed(1), `${Math.ceil(memoryCost * concurrency / 1024)} MiB`
    ])
  }))
  // A tenth for the noise of the measurement.
  const inTime = proposals.filter(({ milliseconds }) => milliseconds <= targetMilliseconds * 1.1)
  if (inTime.length === 0) console.log(`\nNothing as strong as OWASP recommends took ${targetMilliseconds} ms or less here. The fastest:`)
  else console.log(`\nThe most memory within ${targetMilliseconds} ms, since memory is what an attacker pays for:`)
  const [best] = inTime.length === 0
    ? proposals.toSorted((a, b) => a.milliseconds - b.milliseconds)
    : inTime.toSorted((a, b) => b.memoryCost - a.memoryCost)
  console.log(`\nARGON2_MEMORY_KIB=${best?.memoryCost}\nARGON2_PASSES=${best?.timeCost}\nARGON2_LANES=1`)
}

const wishes = readOrExit(readWishes)
print(await propose(wishes), wishes)
await stopAll()
