/**
 * What the service is compared with, as a process:
 *
 * - `/login`: the least that can answer a login. It asks Hasura, verifies on the same kind of threads, and logs one
 *   line. It has no secret, schema, limits, digests, metrics or token.
 * - `/refused`: the least that can refuse one. It parses the body, and logs one line.
 * - `/refresh`: the least that can answer a refresh. It makes one call to Hasura, signs with the key in `SIGNING`, and
 *   logs one line.
 * - `/verify`: nothing but hashes, a number at once, for some milliseconds.
 */
import { availableParallelism } from 'node:os'
import { hash } from '@node-rs/argon2'
import { createSigner } from 'fast-jwt'
import Fastify, { LogController } from 'fastify'
import { Pool } from 'undici'
import { RefreshSessionDocument } from '../src/generated/operations.ts'
import type { RefreshSessionMutation } from '../src/generated/operations.ts'
import { startThreadPool } from '../src/password/threads.ts'
import { headers, password } from './users.ts'
import type { Cost } from './users.ts'

interface Login { input: { email: string, password: string } }

const hasura = new Pool(String(process.env['HASURA_GRAPHQL_ENDPOINT']))
const query = 'query UserByEmail($email: String!) { user(where: { email: { _eq: $email } }) { id password } }'
const refresh = {
  query: RefreshSessionDocument.toString(), variables: { id: '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6', generation: 3 }
}
const sign = createSigner(JSON.parse(process.env['SIGNING'] ?? '{"algorithm":"HS256","key":"unused"}') as object)
const stored = await hash(password, JSON.parse(String(process.env['COST'])) as Cost)
const threads = await startThreadPool((error) => { throw error })

/** At most as many hashes at once as processors: the service has a queue for that. */
let free = availableParallelism()
const waiting: Array<() => void> = []

async function verify (stored: string, password: string): Promise<boolean> {
  if (free === 0) await new Promise<void>((resolve) => { waiting.push(resolve) })
  else free--
  try {
    return await threads.call('verifyArgon2', stored, password)
  } finally {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
}

const fastify = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })
fastify.post<{ Body: Login }>('/login', async (request, reply) => {
  const { email, password } = request.body.input
  const { body } = await hasura.request({
    method: 'POST', path: '/v1/graphql', headers, body: JSON.stringify({ query, variables: { email } })
  })
  const { data: { user: [user] } } = await body.json() as { data: { user: [{ password: string }] } }
  const matches = await verify(user.password, password)
  request.log.info({ path: request.url, outcome: matches ? 'success' : 'failure' }, 'request')
  return reply.code(matches ? 200 : 401).send({ matches })
})
fastify.post('/refused', async (request, reply) => {
  request.log.info({ path: request.url, outcome: 'failure' }, 'request')
  return reply.code(429).send({ message: 'Refused', extensions: { path: '$', code: 'refused' } })
})
fastify.post('/refresh', async (request) => {
  const { body } = await hasura.request({ method: 'POST', path: '/v1/graphql', headers, body: JSON.stringify(refresh) })
  const { data: { swap } } = await body.json() as { data: RefreshSessionMutation }
  const [{ user } = { user: undefined }] = swap?.returning ?? []
  request.log.info({ path: request.url, outcome: 'success' }, 'request')
  const claims = { 'x-hasura-allowed-roles': [user?.default_role], 'x-hasura-default-role': user?.default_role, 'x-hasura-user-id': '1' }
  return { token: sign({ 'sub': '1', 'https://hasura.io/jwt/claims': claims }) }
})
fastify.post<{ Body: { concurrency: number, milliseconds: number } }>('/verify', async ({ body: { concurrency, milliseconds } }) => {
  let verified = 0
  const start = performance.now()
  await Promise.all(Array.from({ length: concurrency }, async () => {
    do {
      await threads.call('verifyArgon2', stored, password)
      verified++
    } while (performance.now() - start < milliseconds)
  }))
  return { verified, seconds: (performance.now() - start) / 1000 }
})
await fastify.listen({ host: '127.0.0.1', port: 0 })
