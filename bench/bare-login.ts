/**
 * The least that can answer a login, as a process: a route that asks Hasura, verifies in its turn on a thread, and
 * leaves one line in the log. No secret, no schema, no limits, no digest, no counters, no token.
 */
import { availableParallelism } from 'node:os'
import Fastify from 'fastify'
import { LogController } from 'fastify'
import { Pool } from 'undici'
import { createHashQueue } from '../src/password/queue.ts'
import { startThreadPool } from '../src/password/threads.ts'

interface Login { input: { email: string, password: string } }

const hasura = new Pool(String(process.env['HASURA_GRAPHQL_ENDPOINT']))
const threads = await startThreadPool((error) => { throw error })
const queue = createHashQueue(availableParallelism(), 60_000, 20)
const headers = { 'content-type': 'application/json' }
const query = 'query User($email: String!) { user(where: { email: { _eq: $email } }) { id password } }'

const fastify = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })
fastify.post<{ Body: Login }>('/login', async (request, reply) => {
  const { email, password } = request.body.input
  const sent = JSON.stringify({ query, variables: { email } })
  const { body } = await hasura.request({ method: 'POST', path: '/v1/graphql', headers, body: sent })
  const { data: { user: [user] } } = await body.json() as { data: { user: [{ password: string }] } }
  const slot = queue.admit()
  const matches = await slot.run(async () => threads.call('verifyArgon2', user.password, password)).finally(slot.release)
  const [status, outcome] = matches ? [200, 'success'] as const : [401, 'failure'] as const
  request.log.info({ method: request.method, path: request.url, status, outcome }, 'request')
  return reply.code(status).send({ matches })
})
fastify.get('/healthz', () => ({ status: 'ok' }))
await fastify.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
