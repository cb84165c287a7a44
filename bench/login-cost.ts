import { availableParallelism } from 'node:os'
import { startBareVerify } from './bare-verify.ts'
import { atLeast, atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { count, expectOnly, startGenerator } from './load.ts'
import type { Generator, Load } from './load.ts'
import { eventLoopSeconds, interleave, median, processorSeconds } from './measure.ts'
import type { Server } from './processes.ts'
import { startBare, startHasura, startService } from './service.ts'

export interface Rate {
  cpuMilliseconds: number
  /** What of it was the event loop's. */
  loopMilliseconds: number
  perSecond: number
}

/** Counts what a server does, and what processor time it takes for each. */
async function measure (pid: number, work: () => Promise<{ done: number, seconds: number }>): Promise<Rate> {
  const [all, loop] = [processorSeconds(pid), eventLoopSeconds(pid)]
  const { done, seconds } = await work()
  return {
    cpuMilliseconds: (processorSeconds(pid) - all) * 1000 / done,
    loopMilliseconds: (eventLoopSeconds(pid) - loop) * 1000 / done,
    perSecond: done / seconds
  }
}

/** Logins in a window of time: how many a second, and the server's processor time for each. */
export async function measureLogins (
  generate: Generator, { url, pid }: { url: string, pid: number },
  load: Pick<Load, 'callers' | 'pauseMilliseconds'>, milliseconds: number
): Promise<Rate> {
  return measure(pid, async () => {
    const outcome = expectOnly(await generate({ ...load, url, kinds: ['login'], milliseconds }), '200')
    return { done: count(outcome, '200'), seconds: outcome.seconds }
  })
}

/** Runs the code of a login until it is compiled, which takes thousands of them, on hashes of hardly any cost. */
export async function warmUp (generate: Generator, url: string, { quick }: { quick: boolean }): Promise<void> {
  const outcome = await generate({ url, callers: 16, kinds: ['cheap failure'], milliseconds: quick ? 50 : 3000 })
  expectOnly(outcome, '401 invalid-credentials', '401')
}

/** The limits on failures, out of the way of what is measured. */
export const noLimits = { LOGIN_LIMIT_PER_ACCOUNT: '1000000' }

/** How each of some logins compares with what was measured in the same round. */
function compare (logins: Rate[], others: Rate[]) {
  const ratio = (figure: keyof Rate): number => median(
    logins.map((login, round) => login[figure] / (others[round]?.[figure] ?? NaN))
  )
  return { cpuRatio: ratio('cpuMilliseconds'), rateRatio: ratio('perSecond') }
}

function row (name: string, rates: Rate[], against?: ReturnType<typeof compare>): string[] {
  const of = (figure: keyof Rate): number => median(rates.map(rate => rate[figure]))
  return [
    name, `${of('cpuMilliseconds').toFixed(2)} ms`, `${of('loopMilliseconds').toFixed(2)} ms`,
    against === undefined ? '' : `${against.cpuRatio.toFixed(3)}×`,
    of('perSecond').toFixed(1), against === undefined ? '' : `${against.rateRatio.toFixed(3)}×`
  ]
}

/** What a login costs against the hash that it cannot do without, and against the least that could be around it. */
export async function loginCost (context: Context): Promise<Report> {
  const { quick, cost, pairs, progress } = context
  const concurrency = availableParallelism()
  const callers = 4 * concurrency
  const milliseconds = quick ? 50 : 1200
  const hasura = await startHasura(cost)
  const service = await startService(hasura, cost, noLimits)
  const least = await startBare('bare-login.js', { HASURA_GRAPHQL_ENDPOINT: hasura })
  const generate = await startGenerator()
  const bare = await startBareVerify(concurrency)
  const loginsOf = (server: Server) => async () => measureLogins(generate, server, { callers }, milliseconds)
  const verifies = async (): Promise<Rate> => measure(bare.pid, async () => {
    const { verified, seconds } = await bare.verify({ cost, milliseconds, concurrency })
    return { done: verified, seconds }
  })
  for (const server of [service, least]) {
    await warmUp(generate, server.url, context)
    await loginsOf(server)()
  }
  await verifies()

  progress(`${pairs} rounds of logins, bare verifies and the least logins`)
  const rounds = await interleave(pairs, loginsOf(service), verifies, loginsOf(least))
  const logins = rounds.map(([login]) => login)
  const verified = rounds.map(([, verify]) => verify)
  const leastLogins = rounds.map(([, , login]) => login)
  const { cpuRatio, rateRatio } = compare(logins, verified)
  const { memoryCost, timeCost, parallelism } = cost
  const perCore = median(logins.map(({ perSecond }) => perSecond)) / concurrency
  const against = 'against `verify`'
  return {
    title: 'A login against the hash in it',
    goals: [
      atMost(1.06, 'processor time of the service per login, against one bare `verify`', cpuRatio, '×', 3),
      atLeast(0.85, 'logins a second, against a bare loop of `verify`', rateRatio, '×', 3)
    ],
    tables: [{
      columns: [
        `${concurrency} hashes at once`, 'processor time each', 'of it the event loop\'s', against, 'a second', against
      ],
      rows: [
        row('login', logins, { cpuRatio, rateRatio }),
        row('the least login', leastLogins, compare(leastLogins, verified)),
        row('bare `verify`', verified)
      ]
    }],
    notes: [
      `That is ${perCore.toFixed(0)} logins a second for each processor, at ${memoryCost} KiB, ${timeCost} passes and ${parallelism} lane, the default. ${callers} callers keep the service busy; they and the stand-in for Hasura run on the same processors.`,
      'The least login is `bench/bare-login.ts`: a route of Fastify that asks Hasura, verifies on the same threads, and logs one line, with no secret, schema, limits, digest, counters or token.'
    ],
    data: { callers, concurrency, cpuRatio, rateRatio, rounds }
  }
}
