import { hash } from '@node-rs/argon2'
import type { Test } from 'tap'
import type { Environment } from '../../src/config.ts'
import { redis } from './redis.ts'
import { replace } from './replace.ts'
import { hasuraOf, service } from './service.ts'

export const email = 'someone@test.com'
export const password = 'the-right-password'
const stored = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
export const user = { id: 7, password: stored, default_role: 'user', disabled_at: null, roles: [] }

/** The service on a Hasura that finds one user under every email, and functions that log in and sign up. */
export async function attempts (t: Test, env: Environment = {}) {
  const { url, asked } = await hasuraOf(t, {
    UserByEmail: { data: { user: [user] } },
    CreateUser: { data: { insert_user_one: { id: 8, email, password: stored } } }
  })
  const running = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, CLIENT_ADDRESS_HEADER: 'x-client-address', ...env })
  const call = async (url: string, input: object, address?: string) => running.inject({
    url,
    headers: address === undefined ? {} : { 'x-client-address': address },
    payload: { input: { email, password: 'a-wrong-password', ...input } }
  })
  return {
    ...running,
    asked,
    login: async (input: object, address?: string) => call('/login', input, address),
    signup: async (address?: string) => call('/signup', {}, address),
    right: async (address?: string) => call('/login', { password }, address),
    wrong: async (address?: string) => call('/login', {}, address)
  }
}

export async function times<Result> (count: number, work: () => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, work))
}

/** How many of the results have each status. */
export function statuses (results: Array<{ status: number }>): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of results) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** Moves every window and every reservation in Redis as if time had passed. */
const passScript = `
for _, key in ipairs(redis.call('KEYS', '*')) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', '(+inf')) do redis.call('ZINCRBY', key, -ARGV[1], id) end
  redis.call('PEXPIRE', key, redis.call('PTTL', key) - ARGV[1])
end`

/** A store of attempts: the environment that selects it, and a way to let time pass in it without waiting. */
export async function storeOf (t: Test, store: 'memory' | 'Redis') {
  if (store === 'memory') {
    const now = performance.now.bind(performance)
    let passed = 0
    replace(t, performance, 'now', () => now() + passed)
    return { env: {}, pass: async (milliseconds: number) => { passed += milliseconds } }
  }
  const { url } = await redis(t)
  return { env: { REDIS_URL: url }, ...await redisClient(t, url) }
}

/** A client of its own for a Redis, and a way to let time pass in that Redis. */
export async function redisClient (t: Test, url: string) {
  const { createClient } = await import('@redis/client')
  const client = createClient({ url })
  await client.connect()
  t.teardown(() => { client.destroy() })
  return {
    client,
    pass: async (milliseconds: number) => { await client.eval(passScript, { arguments: [String(milliseconds)] }) }
  }
}
