import { createRefreshTokens } from '../src/sessions/refresh-token.ts'
import { send } from './load.ts'
import { interleave, median, rateOf } from './measure.ts'
import type { Rate } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startServer, startService } from './servers.ts'
import type { Server } from './servers.ts'
import { keysOf } from './signing.ts'
import { tokenSecret } from './users.ts'

const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** The key of the service's settings, for the least server. */
function signingKey ({ HASURA_GRAPHQL_JWT_SECRET: secret = '', JWT_PRIVATE_KEY: key }: Record<string, string>): string {
  const { type, key: shared } = JSON.parse(secret) as { type: string, key: string }
  return JSON.stringify({ algorithm: type, key: key ?? shared })
}

/** What a refresh costs, compared with the least action and the least route that make one call to Hasura and sign. */
export async function refreshRate ({ isQuick, rounds, progress }: Context): Promise<Report> {
  const expiresAt = Math.floor(Date.now() / 1000) + 86_400
  const session = { sessionId: '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6', generation: 3, expiresAt }
  const input = { refresh_token: createRefreshTokens([tokenSecret]).encode(session) }
  const rows: string[][] = []
  for (const type of ['HS256', 'ES256'] as const) {
    const keys = keysOf(type)
    const hasura = await startHasura(cheap)
    const service = await startService(hasura, cheap, { ...keys, TOKEN_SECRET: tokenSecret }, 'service-with-least-action.js')
    const bare = await startServer('least-server.js', {
      HASURA_GRAPHQL_ENDPOINT: hasura.url, COST: JSON.stringify(cheap), SIGNING: signingKey(keys)
    })
    const measure = async (server: Server, path: string, connections: number, requests: number): Promise<Rate> => (
      rateOf(server, async () => send(server, {
        path, connections, requestsPerConnection: Math.ceil(requests / connections), input
      }, 200))
    )
    const sides: Array<[Server, string]> = [[service, '/refresh'], [service, '/least/refresh'], [bare, '/refresh']]
    // V8 compiles code after some thousand calls.
    for (const [server, path] of sides) await measure(server, path, 16, isQuick ? 16 : 5000)
    for (const connections of isQuick ? [1, 16] : [1, 4, 16, 64, 256]) {
      progress(`${type}, ${connections} clients`)
      const requests = isQuick ? 16 : connections === 1 ? 500 : 1024
      const measurements = sides.map(([server, path]) => async () => measure(server, path, connections, requests))
      const results = await interleave<Rate[]>(Math.ceil(rounds / 2), ...measurements)
      const medianOf = (side: number, value: (rate: Rate) => number): number => (
        median(results.flatMap(rates => rates[side] ?? []).map(value))
      )
      const ratioTo = (side: number): string => (
        median(results.map(rates => (rates[0]?.perSecond ?? NaN) / (rates[side]?.perSecond ?? NaN))).toFixed(2)
      )
      const cells = (side: number): string[] => [
        medianOf(side, ({ perSecond }) => perSecond).toFixed(0),
        `${medianOf(side, ({ processorMilliseconds }) => processorMilliseconds).toFixed(2)} ms`
      ]
      rows.push([type, String(connections), ...cells(0), ...cells(1), `${ratioTo(1)}×`, ...cells(2), `${ratioTo(2)}×`])
    }
  }
  const side = (name: string): string[] => [`${name}, per second`, 'processor time']
  return {
    title: 'Refreshes from 1 to 256 concurrent clients',
    columns: ['type', 'clients', 'per second', 'processor time', ...side('least action'), 'ratio', ...side('bare route'), 'ratio'],
    rows,
    notes: [
      'Every refresh moves its session on, so it makes one call to Hasura. The least action runs in the same process. It makes the same '
      + 'call, signs a token, and has what every action has: secret, schema, limits, metrics and log line. It neither reads nor makes a '
      + 'refresh token. The bare route of `bench/least-server.ts` has only the call, the token and a log line. Ratios are those of the rates.'
    ]
  }
}
