import { createRefreshTokens } from '../src/sessions/refresh-token.ts'
import { send } from './load.ts'
import { interleave, median, rateOf } from './measure.ts'
import type { Rate } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startServer, startService } from './servers.ts'
import { keysOf } from './signing.ts'
import { tokenSecret } from './users.ts'

const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** The key of the service's settings, for the least server. */
function signingKey ({ HASURA_GRAPHQL_JWT_SECRET: secret = '', JWT_PRIVATE_KEY: key }: Record<string, string>): string {
  const { type, key: shared } = JSON.parse(secret) as { type: string, key: string }
  return JSON.stringify({ algorithm: type, key: key ?? shared })
}

/** What a refresh costs, compared with the least route that makes one call to Hasura and signs. */
export async function refreshRate ({ isQuick, rounds, progress }: Context): Promise<Report> {
  const expiresAt = Math.floor(Date.now() / 1000) + 86_400
  const session = { sessionId: '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6', generation: 3, expiresAt }
  const input = { refresh_token: createRefreshTokens([tokenSecret]).encode(session) }
  const rows: string[][] = []
  for (const type of ['HS256', 'ES256'] as const) {
    const keys = keysOf(type)
    const hasura = await startHasura(cheap)
    const service = await startService(hasura, cheap, { ...keys, TOKEN_SECRET: tokenSecret })
    const least = await startServer('least-server.js', {
      HASURA_GRAPHQL_ENDPOINT: hasura.url, COST: JSON.stringify(cheap), SIGNING: signingKey(keys)
    })
    const measure = async (server: typeof service, connections: number, requests: number): Promise<Rate> => (
      rateOf(server, async () => send(server, {
        path: '/refresh', connections, requestsPerConnection: Math.ceil(requests / connections), input
      }, 200))
    )
    // V8 compiles code after some thousand calls.
    for (const server of [service, least]) await measure(server, 16, isQuick ? 16 : 5000)
    for (const connections of isQuick ? [1, 16] : [1, 4, 16, 64, 256]) {
      progress(`${type}, ${connections} clients`)
      const requests = isQuick ? 16 : connections === 1 ? 500 : 1024
      const results = await interleave<[Rate, Rate]>(Math.ceil(rounds / 2),
        async () => measure(service, connections, requests), async () => measure(least, connections, requests))
      const cells = (rates: Rate[]): string[] => [
        median(rates.map(({ perSecond }) => perSecond)).toFixed(0),
        `${median(rates.map(({ processorMilliseconds }) => processorMilliseconds)).toFixed(2)} ms`
      ]
      const ratio = median(results.map(([ours, theirs]) => ours.perSecond / theirs.perSecond))
      rows.push([
        type, String(connections),
        ...cells(results.map(([ours]) => ours)), ...cells(results.map(([, theirs]) => theirs)), `${ratio.toFixed(2)}×`
      ])
    }
  }
  return {
    title: 'Refreshes from 1 to 256 concurrent clients',
    columns: ['type', 'clients', 'per second', 'processor time', 'least route, per second', 'processor time', 'ratio of the rates'],
    rows,
    notes: [
      'Every refresh moves its session on, so it makes one call to Hasura. The least route of `bench/least-server.ts` makes the '
      + 'same call, signs a token with the same key and logs one line. It checks no refresh token and makes none.'
    ]
  }
}
