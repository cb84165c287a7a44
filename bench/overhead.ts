import { availableParallelism } from 'node:os'
import { startBareVerify } from './bare-verify.ts'
import { atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { startGenerator } from './load.ts'
import { measureLogins, noLimits, warmUp } from './login-cost.ts'
import type { Rate } from './login-cost.ts'
import { interleave, median } from './measure.ts'
import { startHasura, startService } from './service.ts'

const negligible = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** Logins at about the rate that processors with real hashes reach. */
const paced = { callers: 8, pauseMilliseconds: 80 }

/**
 * What a login costs beyond its hash, seen where the hash costs hardly anything: as fast as it goes, and as rarely as
 * logins with real hashes come, without and with such hashes in another process. What those two differ in is what a
 * hash takes from the code beside it: the caches, and with simultaneous multithreading a part of the processor itself.
 */
export async function overhead (context: Context): Promise<Report> {
  const { quick, cost, pairs, progress } = context
  const concurrency = availableParallelism()
  const service = await startService(await startHasura(negligible), negligible, noLimits)
  const generate = await startGenerator()
  const bare = await startBareVerify(concurrency)
  await warmUp(generate, service.url, context)

  progress(`${pairs} windows of logins with a hash of 8 KiB`)
  const alone: Rate[] = []
  for (let i = 0; i < pairs; i++) alone.push(await measureLogins(generate, service, { callers: 16 }, quick ? 50 : 1000))

  progress(`${pairs} pairs of such logins with and without real hashes beside them`)
  const milliseconds = quick ? 50 : 1500
  const quiet = async (): Promise<Rate> => measureLogins(generate, service, paced, milliseconds)
  const beside = async (): Promise<Rate> => {
    const hashing = bare.verify({ cost, milliseconds, concurrency })
    const rate = await quiet()
    await hashing
    return rate
  }
  await beside()
  const slow = await interleave(pairs, quiet, beside)

  const cpu = (rates: Rate[]): number => median(rates.map(({ cpuMilliseconds }) => cpuMilliseconds))
  const row = (name: string, rates: Rate[]): string[] => [
    name, `${cpu(rates).toFixed(3)} ms`, median(rates.map(({ perSecond }) => perSecond)).toFixed(0)
  ]
  return {
    title: 'A login without its hash',
    goals: [atMost(1, 'processor time of the service per login, as fast as 16 callers ask', cpu(alone), ' ms', 3)],
    tables: [{
      columns: ['login', 'processor time each', 'a second'],
      rows: [
        row('as fast as 16 callers ask', alone),
        row('now and then', slow.map(([quiet]) => quiet)),
        row(`now and then, beside ${concurrency} real hashes`, slow.map(([, beside]) => beside))
      ]
    }],
    notes: [
      'The hash is of 8 KiB and one pass, some hundredths of a millisecond, and counted. The real ones are those of another process.'
    ],
    data: { alone, slow }
  }
}
