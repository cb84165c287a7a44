import { atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { startGenerator } from './load.ts'
import { measureLogins, noLimits, warmUp } from './login-cost.ts'
import type { Rate } from './login-cost.ts'
import { median } from './measure.ts'
import { startHasura, startService } from './service.ts'

const negligible = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** What a login costs beyond its hash, seen where the hash costs hardly anything. */
export async function overhead (context: Context): Promise<Report> {
  const { quick, pairs, progress } = context
  const service = await startService(await startHasura(negligible), negligible, noLimits)
  const generate = await startGenerator()
  await warmUp(generate, service.url, context)

  progress(`${pairs} windows of logins with a hash of 8 KiB`)
  const rates: Rate[] = []
  for (let i = 0; i < pairs; i++) {
    rates.push(await measureLogins(generate, service, 16, quick ? 50 : 1000))
  }
  const cpu = median(rates.map(({ cpuMilliseconds }) => cpuMilliseconds))
  return {
    title: 'A login without its hash',
    goals: [atMost(1, 'processor time of the service per login', cpu, ' ms', 3)],
    tables: [{
      columns: ['16 callers', 'processor time each', 'a second'],
      rows: [['login', `${cpu.toFixed(3)} ms`, median(rates.map(({ perSecond }) => perSecond)).toFixed(0)]]
    }],
    notes: ['The hash is of 8 KiB and one pass, some hundredths of a millisecond, and counted.'],
    data: { rates }
  }
}
