import { availableParallelism } from 'node:os'
import { send } from './load.ts'
import { interleave, median, rateOf } from './measure.ts'
import type { Rate } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startServer, startService } from './servers.ts'
import type { Server } from './servers.ts'
import { headers } from './users.ts'

async function verify (
  { url }: Server, concurrency: number, milliseconds: number
): Promise<{ answers: number, perSecond: number }> {
  const body = JSON.stringify({ concurrency, milliseconds })
  const response = await fetch(`${url}/verify`, { method: 'POST', headers, body })
  const { verified, seconds } = await response.json() as { verified: number, seconds: number }
  return { answers: verified, perSecond: verified / seconds }
}

/** What a login costs, compared with the least route around its hash and with the hash alone. */
export async function loginCost ({ isQuick, cost, rounds, progress }: Context): Promise<Report> {
  const concurrency = availableParallelism()
  const hasura = await startHasura(cost)
  const service = await startService(hasura, cost)
  const least = await startServer('least-server.js', { HASURA_GRAPHQL_ENDPOINT: hasura.url, COST: JSON.stringify(cost) })
  const load = { path: '/login', connections: 4 * concurrency, requestsPerConnection: isQuick ? 2 : 8 }
  const measurements = [
    async () => rateOf(service, async () => send(service, load, 200)),
    async () => rateOf(least, async () => send(least, load, 200)),
    async () => rateOf(least, async () => verify(least, concurrency, isQuick ? 50 : 600))
  ] as const

  progress('warm-up')
  // V8 compiles code after some thousand calls, so these are logins with the cheapest hash.
  const warmUp = { ...load, users: 'cheap', isPasswordWrong: true, requestsPerConnection: isQuick ? 2 : 500 } as const
  for (const server of [service, least]) await send(server, warmUp, 401)
  progress(`${rounds} rounds`)
  const results = await interleave<[Rate, Rate, Rate]>(rounds, ...measurements)

  const row = (name: string, index: 0 | 1 | 2): string[] => {
    const of = (figure: keyof Rate) => median(results.map(result => result[index][figure]))
    const ratio = (figure: keyof Rate) => median(results.map(result => result[index][figure] / result[2][figure]))
    return [
      name, `${of('processorMilliseconds').toFixed(2)} ms`, `${ratio('processorMilliseconds').toFixed(3)}×`,
      of('perSecond').toFixed(1), `${ratio('perSecond').toFixed(3)}×`
    ]
  }
  const toLeast = (figure: keyof Rate): string => (
    median(results.map(([login, other]) => login[figure] / other[figure])).toFixed(3)
  )
  return {
    title: 'A login compared with its hash',
    columns: ['', 'processor time', 'ratio to the hash', 'per second', 'ratio to the hash'],
    rows: [row('login', 0), row('least login', 1), row('hash alone', 2)],
    notes: [
      `${cost.memoryCost} KiB, ${cost.timeCost} passes and ${cost.parallelism} lane. ${load.connections} clients; ${concurrency} hashes run at once. `
      + `Compared with the least login, a login takes ${toLeast('processorMilliseconds')}× the processor time, at ${toLeast('perSecond')}× the rate.`,
      'The least login is `bench/least-server.ts`: a Fastify route that asks Hasura, verifies on the same kind of threads, and '
      + 'logs one line. It has no action secret, schema, limits, digests, metrics or token.'
    ]
  }
}
