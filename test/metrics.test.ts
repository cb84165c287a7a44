import { hash } from '@node-rs/argon2'
import { Gauge } from 'prom-client'
import t from 'tap'
import { hasuraOf, service } from './support/service.ts'

t.test('attempts, refusals, hashes and requests to Hasura are counted and timed', async (t) => {
  const stored = await hash('a-password', { memoryCost: 8, timeCost: 1, parallelism: 1 })
  const user = { id: 1, password: stored, default_role: 'user', disabled_at: null, roles: [] }
  const { url } = await hasuraOf(t, {
    UserByEmail: { data: { user: [user] } }, CreateUser: { errors: [{ message: 'no', extensions: { code: 'unexpected' } }] }
  })
  const { fastify, call, inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const input = { email: 'a@b.test', password: 'a-password' }
  await call('/login', input)
  await call('/login', { ...input, password: 'another' })
  await call('/login', { email: 'a@b.test' })
  await call('/signup', input)
  await inject({ url: '/login', headers: { 'x-hasura-action-secret': 'no' } })
  await inject({ url: '/nothing' })

  const page = await fastify.metrics.metrics()
  const figures = page.split('\n').filter(line => /^hasura_jwt_auth/.test(line) && !line.includes('_bucket') && !/_sum[ {]| 0$/.test(line))
  t.strictSame(figures.sort(), [
    'hasura_jwt_auth_action_duration_seconds_count{action="login"} 4',
    'hasura_jwt_auth_action_duration_seconds_count{action="signup"} 1',
    'hasura_jwt_auth_attempts_total{action="login",outcome="access-denied"} 1',
    'hasura_jwt_auth_attempts_total{action="login",outcome="invalid-credentials"} 1',
    'hasura_jwt_auth_attempts_total{action="login",outcome="success"} 1',
    'hasura_jwt_auth_attempts_total{action="login",outcome="validation-failed"} 1',
    'hasura_jwt_auth_attempts_total{action="signup",outcome="internal"} 1',
    'hasura_jwt_auth_hasura_request_duration_seconds_count{operation="CreateUser",outcome="error"} 1',
    'hasura_jwt_auth_hasura_request_duration_seconds_count{operation="UserByEmail",outcome="success"} 2',
    'hasura_jwt_auth_password_hash_duration_seconds_count 3',
    'hasura_jwt_auth_password_queue_wait_seconds_count 3',
    'hasura_jwt_auth_refusals_total{reason="access-denied"} 1',
    'hasura_jwt_auth_refusals_total{reason="invalid-credentials"} 1',
    'hasura_jwt_auth_refusals_total{reason="not-found"} 1',
    'hasura_jwt_auth_refusals_total{reason="validation-failed"} 1'
  ])
  // Counters start at 0: an alert on their growth would not see one that starts at 1.
  t.match(page, 'hasura_jwt_auth_attempts_total{action="signup",outcome="hasura-unavailable"} 0')
  t.match(page, 'hasura_jwt_auth_password_hashes_running 0')
  for (const secret of ['a@b.test', 'a-password', stored]) t.notMatch(page, secret)
})

t.test('a metric that cannot be collected is answered with 500, and the log has the cause', async (t) => {
  const { fastify, log } = await service(t, { METRICS_PORT: '0' })
  new Gauge({ registers: [fastify.metrics], name: 'broken', help: 'fails', collect () { throw new Error('it fails') } })
  await fastify.ready()
  const port = /Metrics on port (\d+)/.exec(JSON.stringify(log()))?.[1]
  t.equal((await fetch(`http://127.0.0.1:${String(port)}/metrics`)).status, 500)
  t.match(log().at(-1), { level: 50, err: { message: 'it fails' }, msg: 'the metrics cannot be collected' })
})
