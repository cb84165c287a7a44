import { availableParallelism } from 'node:os'
import { startBareVerify } from './bare-verify.ts'
import { atLeast, atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { count, expectOnly, startGenerator } from './load.ts'
import type { Generator, Load } from './load.ts'
import { interleave, median, processorSeconds } from './measure.ts'
import { startHasura, startService } from './service.ts'

export interface Rate { cpuMilliseconds: number, perSecond: number }

/** Logins in a window of time: how many a second, and the server's processor time for each. */
export async function measureLogins (
  generate: Generator, { url, pid }: { url: string, pid: number },
  load: Pick<Load, 'callers' | 'pauseMilliseconds'>, milliseconds: number
): Promise<Rate> {
  const before = processorSeconds(pid)
  const outcome = expectOnly(await generate({ ...load, url, kinds: ['login'], milliseconds }), '200')
  const logins = count(outcome, '200')
  return { cpuMilliseconds: (processorSeconds(pid) - before) * 1000 / logins, perSecond: logins / outcome.seconds }
}

/** Runs the code of a login until it is compiled, which takes thousands of them, on hashes of hardly any cost. */
export async function warmUp (generate: Generator, url: string, { quick }: { quick: boolean }): Promise<void> {
  await generate({ url, callers: 16, kinds: ['cheap failure'], milliseconds: quick ? 50 : 3000 })
}

/** The limits on failures, out of the way of what is measured. */
export const noLimits = { LOGIN_LIMIT_PER_ACCOUNT: '1000000' }

/** What a login costs against the hash that it cannot do without. */
export async function loginCost (context: Context): Promise<Report> {
  const { quick, cost, pairs, progress } = context
  const concurrency = availableParallelism()
  const callers = 4 * concurrency
  const milliseconds = quick ? 50 : 1200
  const service = await startService(await startHasura(cost), cost, noLimits)
  const generate = await startGenerator()
  const bare = await startBareVerify(concurrency)
  const logins = async (): Promise<Rate> => measureLogins(generate, service, { callers }, milliseconds)
  const verifies = async (): Promise<Rate> => {
    const before = processorSeconds(bare.pid)
    const { verified, seconds } = await bare.verify({ cost, milliseconds, concurrency })
    return { cpuMilliseconds: (processorSeconds(bare.pid) - before) * 1000 / verified, perSecond: verified / seconds }
  }
  await warmUp(generate, service.url, context)
  await logins()
  await verifies()

  progress(`${pairs} pairs of logins and bare verifies`)
  const measured = await interleave(pairs, logins, verifies)
  const cpuRatio = median(measured.map(([login, bare]) => login.cpuMilliseconds / bare.cpuMilliseconds))
  const rateRatio = median(measured.map(([login, bare]) => login.perSecond / bare.perSecond))
  const { memoryCost, timeCost, parallelism } = cost
  const perCore = median(measured.map(([login]) => login.perSecond)) / concurrency
  const row = (name: string, rates: Rate[]): string[] => [
    name,
    `${median(rates.map(({ cpuMilliseconds }) => cpuMilliseconds)).toFixed(2)} ms`,
    median(rates.map(({ perSecond }) => perSecond)).toFixed(1)
  ]
  return {
    title: 'A login against the hash in it',
    goals: [
      atMost(1.06, 'processor time of the service per login, against one bare `verify`', cpuRatio, '×', 3),
      atLeast(0.85, 'logins a second, against a bare loop of `verify`', rateRatio, '×', 3)
    ],
    tables: [{
      columns: [`${concurrency} hashes at once`, 'processor time each', 'a second'],
      rows: [row('login', measured.map(([login]) => login)), row('bare `verify`', measured.map(([, bare]) => bare))]
    }],
    notes: [
      `That is ${perCore.toFixed(0)} logins a second for each processor, at ${memoryCost} KiB, ${timeCost} passes and ${parallelism} lane, the default. ${callers} callers keep the service busy; they and the stand-in for Hasura run on the same processors.`
    ],
    data: { callers, concurrency, cpuRatio, rateRatio, pairs: measured }
  }
}
