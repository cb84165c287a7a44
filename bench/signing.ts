import Fastify from 'fastify'
import { makePems } from '../src/cli/keys/make.ts'
import config from '../src/config.ts'
import type { TokenUserFragment } from '../src/generated/operations.ts'
import { isPairType, types } from '../src/jwt/key-pair.ts'
import { readJwtSecret } from '../src/jwt/jwt-secret.ts'
import jwt from '../src/jwt/jwt.ts'
import { parsePrivateKey } from '../src/jwt/signing-keys.ts'
import { median } from './measure.ts'
import type { Context, Report } from './report.ts'

/** The service's settings for signing with a type of key. */
export function keysOf (type: string): Record<string, string> {
  if (!isPairType(type)) return { HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type, key: 'k'.repeat(64) }) }
  const { privatePem, publicPem } = makePems(type)
  return { HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type, key: publicPem }), JWT_PRIVATE_KEY: privatePem }
}

/** The service's own signing of a token. */
async function signerOf (type: string): Promise<() => string> {
  const fastify = Fastify()
  const env = { HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1', HASURA_GRAPHQL_ADMIN_SECRET: 'unused', ...keysOf(type) }
  const parsers = { HASURA_GRAPHQL_JWT_SECRET: readJwtSecret, JWT_PRIVATE_KEY: parsePrivateKey }
  await fastify.register(config, { env, parsers })
  await fastify.register(jwt, { claimsOf: () => ({}) })
  // The fragment may read columns for custom claims, too.
  const user = { id: 1, default_role: 'user', disabled_at: null, roles: [{ role: 'editor' }] } as TokenUserFragment
  return () => fastify.jwt.sign(user)
}

/** Mean processor time of a call in microseconds, repeated for some milliseconds. */
function time (call: () => unknown, milliseconds: number): number {
  const before = process.cpuUsage()
  const start = performance.now()
  let calls = 0
  do {
    call()
    calls++
  } while (performance.now() - start < milliseconds)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

/** What it costs to sign a token, by type. */
export async function signing ({ isQuick, rounds, progress }: Context): Promise<Report> {
  const signers = await Promise.all(types.map(async type => (
    { type, sign: await signerOf(type), times: [] as number[] }
  )))
  progress(`${rounds} rounds`)
  // The first round compiles the code.
  for (let round = -1; round < rounds; round++) {
    for (const { sign, times } of signers) {
      const microseconds = time(sign, isQuick ? 5 : 25)
      if (round >= 0) times.push(microseconds)
    }
  }
  const reference = signers[0]?.times ?? []
  return {
    title: 'Signing a token',
    columns: ['type', 'processor time', 'ratio to HS256'],
    rows: signers.map(({ type, times }) => {
      const ratio = median(times.map((value, round) => value / (reference[round] ?? NaN)))
      return [type, `${median(times).toFixed(1)} µs`, `${ratio.toFixed(1)}×`]
    }),
    notes: ['RSA keys have 2048 bits. Tokens are signed on the event loop, so other requests wait for that long.']
  }
}
