import { send } from './load.ts'
import { interleave, median, processorSeconds } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startServer, startService } from './servers.ts'
import type { Server } from './servers.ts'
import { headers } from './users.ts'

const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }
/** Takes a fifth of a second, so that almost every login is refused. */
const expensive = { memoryCost: 65_536, timeCost: 4, parallelism: 1 }

interface Rate { perSecond: number, processorMicroseconds: number }

/** How fast the service refuses logins, compared with a route that only refuses. */
export async function refusals ({ isQuick, rounds, progress }: Context): Promise<Report> {
  const load = { path: '/login', connections: 32, requestsPerConnection: isQuick ? 10 : 100, isPasswordWrong: true }
  const scenarios = [
    { code: 'rate-limited', cost: cheap, env: { LOGIN_LIMIT_PER_ACCOUNT: '1' } },
    { code: 'overloaded', cost: isQuick ? cheap : expensive, env: { PASSWORD_CONCURRENCY: '1', PASSWORD_QUEUE_MILLISECONDS: '0' } }
  ]
  const rows: string[][] = []
  for (const { code, cost, env } of scenarios) {
    const hasura = await startHasura(cost)
    const service = await startService(hasura, cost, env)
    const least = await startServer('least-server.js', { HASURA_GRAPHQL_ENDPOINT: hasura.url, COST: JSON.stringify(cost) })
    const measure = async (server: Server, path: string): Promise<Rate> => {
      const before = processorSeconds(server.pid)
      // The first logins of each account, and those that are hashed, fail with 401.
      const { answers, perSecond } = await send(server, { ...load, path }, 429, [401])
      return { perSecond, processorMicroseconds: (processorSeconds(server.pid) - before) * 1e6 / answers }
    }
    const leastRefusal = async (): Promise<Rate> => {
      // While the service answers `overloaded`, one hash runs. The same load for the other side.
      const body = JSON.stringify({ concurrency: 1, milliseconds: code === 'overloaded' && !isQuick ? 2000 : 0 })
      const [rate] = await Promise.all([
        measure(least, '/refused'), fetch(`${least.url}/verify`, { method: 'POST', headers, body }).then(async answer => answer.text())
      ])
      return rate
    }
    progress(`${code}, ${rounds} rounds`)
    // The first two rounds compile the code and bring the accounts to their limit.
    const all = await interleave<[Rate, Rate]>(rounds + 2, async () => measure(service, '/login'), leastRefusal)
    const results = all.slice(2)
    const ratio = median(results.map(([ours, theirs]) => ours.perSecond / theirs.perSecond))
    const cells = (rates: Rate[]): string[] => [
      median(rates.map(({ perSecond }) => perSecond)).toFixed(0),
      code === 'overloaded' ? '' : `${median(rates.map(({ processorMicroseconds }) => processorMicroseconds)).toFixed(0)} µs`
    ]
    rows.push([`\`${code}\``, ...cells(results.map(([ours]) => ours)), ...cells(results.map(([, theirs]) => theirs)), `${ratio.toFixed(2)}×`])
  }
  return {
    title: 'Refusals',
    columns: ['', 'per second', 'processor time', 'least route, per second', 'processor time', 'ratio of the rates'],
    rows,
    notes: [
      `${load.connections} clients that retry at once. The least route parses the same body and writes one line to its log. While `
      + '`overloaded` is measured, one hash of 64 MiB after another runs, in the least server as well.'
    ]
  }
}
