import { json } from 'node:stream/consumers'
import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { answerFromSchema } from '../support/schema-answer.ts'
import { failure, serverOf, service, settings } from '../support/service.ts'

const notReady = failure('not-ready', 'Sign-in cannot work: the log says why')

/** A Hasura that the test can break. `asked` holds the operations in order. */
async function changingHasura (t: Test) {
  const state = { asked: [] as string[], answer: undefined as string | undefined }
  const url = await serverOf(t, (request, response) => {
    void json(request).then(async (body) => {
      const { query } = body as { query: string }
      state.asked.push(/query (\w+)/.exec(query)?.[1] ?? '')
      response.end(state.answer ?? JSON.stringify(await answerFromSchema(query)))
    })
  })
  return { url, state }
}

const probe = { method: 'GET', url: '/readyz' } as const
const secretRefused = JSON.stringify({
  errors: [{ message: 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"', extensions: { path: '$', code: 'access-denied' } }]
})

t.test('without Hasura the service is healthy and not ready', async (t) => {
  const { inject, log } = await service(t)
  t.match(await inject({ method: 'GET', url: '/healthz' }), { status: 200, body: { status: 'ok' } })
  t.match(await inject(probe), { status: 503, body: notReady })
  const problems = log().filter(({ level }) => level === 50).map(({ msg }) => msg)
  t.match(problems, [/^not ready: HASURA_GRAPHQL_ENDPOINT cannot be reached \(.*ECONNREFUSED/])
  t.equal(problems.length, 1)
})

t.test('a check is reused for a second, and compares the schema only at first and after a failure', async (t) => {
  const { url, state } = await changingHasura(t)
  const { fastify, inject, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const gauge = async () => (await fastify.metrics.getSingleMetric('hasura_jwt_auth_ready')?.get())?.values[0]?.value
  t.equal(await gauge(), 0, 'not ready before the first check')
  for (const { status, body } of await Promise.all(Array.from({ length: 20 }, async () => inject(probe)))) {
    t.strictSame([status, body], [200, { status: 'ok' }])
  }
  t.strictSame(state.asked, ['Schema', 'Ready'])
  t.equal(await gauge(), 1)

  state.answer = secretRefused
  while ((await inject(probe)).status === 200) await after(20)
  t.strictSame(state.asked.slice(2), ['Ready'])
  t.strictSame((await inject(probe)).body, notReady)
  t.equal(state.asked.length, 3, 'the failure counts for a second, too')
  t.equal(await gauge(), 0)

  while (state.asked.length === 3) {
    t.equal((await inject(probe)).status, 503)
    await after(20)
  }
  state.answer = undefined
  while ((await inject(probe)).status !== 200) await after(20)
  t.strictSame([...new Set(state.asked.slice(3))], ['Schema', 'Ready'])
  t.equal(state.asked.at(-1), 'Ready')
  t.equal(await gauge(), 1)
  const messages = log().map(({ msg }) => msg).filter(msg => msg !== 'request')
  t.match(messages, [/^not ready: HASURA_GRAPHQL_ADMIN_SECRET is not Hasura's admin secret/, 'ready again'])
  t.equal(messages.length, 2, 'a cause that lasts is logged once')
})

t.test('after listening the service checks Hasura once, logs one line for the cause, and goes on serving', async (t) => {
  const { url, state } = await changingHasura(t)
  state.answer = secretRefused
  const { fastify, inject, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const problems = () => log().filter(({ level }) => level === 50).map(({ msg }) => msg)
  await fastify.ready()
  t.strictSame(state.asked, [], 'not before it listens')
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  while (problems().length === 0) await after(5)
  t.match(problems(), [/^not ready: HASURA_GRAPHQL_ADMIN_SECRET is not Hasura's admin secret: set both to the same/])
  t.strictSame(state.asked, ['Schema'])
  t.equal((await inject({ method: 'GET', url: '/healthz' })).status, 200)
  t.equal((await inject(probe)).status, 503)
  t.equal(problems().length, 1)
})

t.test('the start does not wait for a Hasura that hangs, and closing ends the check without a log line', async (t) => {
  const asked: string[] = []
  const url = await serverOf(t, (request) => { asked.push(String(request.url)) })
  const { fastify, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  while (asked.length === 0) await after(5)
  await fastify.close()
  t.strictSame(log().filter(({ level }) => Number(level) > 30), [])
})

t.test('during the shutdown it is not ready, and every answer closes its connection', async (t) => {
  const { url } = await changingHasura(t)
  const { fastify, inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, SHUTDOWN_DELAY_SECONDS: '1' })
  t.equal((await inject(probe)).status, 200)
  const ended = fastify.shutDown()
  const { status, body, headers } = await inject(probe)
  t.strictSame([status, body, headers.connection], [503, failure('not-ready', 'The service is shutting down'), 'close'])
  t.match(await fastify.metrics.metrics(), 'hasura_jwt_auth_ready 0')
  t.equal((await inject({ method: 'GET', url: '/healthz' })).headers.connection, 'close')
  await ended
})

t.test('on the sandbox it is ready, with another admin secret it is not', async (t) => {
  const { hasuraUrl, serviceUrl } = await sandbox(t)
  t.equal((await fetch(`${serviceUrl}/readyz`)).status, 200)
  const HASURA_GRAPHQL_ADMIN_SECRET = `not-${settings.HASURA_GRAPHQL_ADMIN_SECRET}`
  const { inject, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HASURA_GRAPHQL_ADMIN_SECRET })
  t.strictSame((await inject(probe)).body, notReady)
  t.match(log().map(({ msg }) => msg), [/^not ready: HASURA_GRAPHQL_ADMIN_SECRET is not Hasura's admin secret/])
})
