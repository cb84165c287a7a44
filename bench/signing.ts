import { generateKeyPairSync } from 'node:crypto'
import Fastify from 'fastify'
import { claimsOf } from '../src/claims.ts'
import config, { ConfigError } from '../src/config.ts'
import jwt from '../src/jwt/jwt.ts'
import type { Context, Report } from './benchmark.ts'
import { median } from './measure.ts'

/** Hasura's types of keys, and what makes a pair for each; a type without one has a shared key. */
const types = {
  HS256: undefined,
  HS384: undefined,
  HS512: undefined,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RS384: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RS512: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: () => generateKeyPairSync('ed25519')
}

type Sign = () => string

function keysOf (type: keyof typeof types): Record<string, string> {
  const pair = types[type]?.()
  if (pair === undefined) return { HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type, key: 'k'.repeat(64) }) }
  return {
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type, key: pair.publicKey.export({ type: 'spki', format: 'pem' }) }),
    JWT_PRIVATE_KEY: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }
}

/** The service's own signing; where it refuses the type, the reason. */
async function signerOf (type: keyof typeof types): Promise<Sign | string> {
  const fastify = Fastify()
  const env = { HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1', HASURA_GRAPHQL_ADMIN_SECRET: 'unused', ...keysOf(type) }
  try {
    await fastify.register(config, { env })
    await fastify.register(jwt, { claimsOf })
    return () => fastify.jwt.sign({ id: 1, default_role: 'user', roles: [{ role: 'editor' }] })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

/** Microseconds that a signature takes, over about so many milliseconds. */
function time (sign: Sign, milliseconds: number): number {
  const start = performance.now()
  let signed = 0
  do {
    sign()
    signed++
  } while (performance.now() - start < milliseconds)
  return (performance.now() - start) * 1000 / signed
}

/** What a token costs, by algorithm: signing is on the event loop. */
export async function signing ({ quick, pairs, progress }: Context): Promise<Report> {
  const names = Object.keys(types) as Array<keyof typeof types>
  const signers = await Promise.all(names.map(async type => (
    { type, sign: await signerOf(type), times: [] as number[] }
  )))
  progress(`${pairs} rounds of every algorithm`)
  // The first round compiles the code.
  for (let round = -1; round < pairs; round++) {
    for (const { sign, times } of signers) {
      if (typeof sign === 'string') continue
      const microseconds = time(sign, quick ? 1 : 50)
      if (round >= 0) times.push(microseconds)
    }
  }
  const hs256 = signers[0]?.times ?? []
  return {
    title: 'Signing, by algorithm',
    goals: [],
    tables: [{
      columns: ['type', 'microseconds a token', 'against HS256'],
      rows: signers.map(({ type, sign, times }) => {
        if (typeof sign === 'string') return [type, `skipped: ${sign}`, '']
        const ratio = median(times.map((value, round) => value / (hs256[round] ?? NaN)))
        return [type, median(times).toFixed(1), `${ratio.toFixed(1)}×`]
      })
    }],
    notes: ['RSA keys have 2048 bits. A token is signed on the event loop: other requests wait that long.'],
    data: Object.fromEntries(signers.map(({ type, sign, times }) => [type, typeof sign === 'string' ? sign : median(times)]))
  }
}
