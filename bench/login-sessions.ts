import { send } from './load.ts'
import { interleave, median, rateOf } from './measure.ts'
import type { Rate } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startService } from './servers.ts'
import { tokenSecret } from './users.ts'

// The hash is the same on both sides. A cheap one makes the difference visible.
const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }

interface LoginRate extends Rate { calls: number }

/** What a session adds to a login. */
export async function loginSessions ({ isQuick, rounds, progress }: Context): Promise<Report> {
  const load = { path: '/login', connections: 8, requestsPerConnection: isQuick ? 2 : 100, users: 'cheap' } as const
  const start = async (env: Record<string, string>) => {
    const hasura = await startHasura(cheap)
    const service = await startService(hasura, cheap, env)
    const calls = async () => Number(await (await fetch(hasura.url)).text())
    const measure = async (): Promise<LoginRate> => {
      const before = await calls()
      const rate = await rateOf(service, async () => send(service, load, 200))
      return { ...rate, calls: (await calls() - before) / (load.connections * load.requestsPerConnection) }
    }
    // V8 compiles code after some thousand calls.
    await send(service, { ...load, requestsPerConnection: isQuick ? 2 : 500 }, 200)
    return measure
  }
  const [without, withSession] = [await start({}), await start({ TOKEN_SECRET: tokenSecret })]
  progress(`${rounds} rounds`)
  const results = await interleave<[LoginRate, LoginRate]>(rounds, without, withSession)
  const row = (name: string, rates: LoginRate[]): string[] => {
    const of = (figure: keyof LoginRate) => median(rates.map(rate => rate[figure]))
    return [name, `${of('processorMilliseconds').toFixed(2)} ms`, of('perSecond').toFixed(0), of('calls').toFixed(0)]
  }
  const more = median(results.map(([plain, session]) => session.processorMilliseconds - plain.processorMilliseconds))
  return {
    title: 'A login with a session',
    columns: ['', 'processor time', 'per second', 'calls to Hasura'],
    rows: [row('without sessions', results.map(([plain]) => plain)), row('with a session', results.map(([, session]) => session))],
    notes: [
      `A session adds ${more.toFixed(2)} ms of processor time, the median of the differences within each round. ${load.connections} `
      + 'clients; the hashes are the cheapest ones, so that they hide nothing.'
    ]
  }
}
