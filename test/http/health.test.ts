import { json } from 'node:stream/consumers'
import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { failure, serverOf, service, settings } from '../support/service.ts'

const notReady = failure('not-ready', 'Hasura does not answer, refuses the admin secret or has no table of users')

/** A Hasura whose answer the test changes, and how often it was asked. */
async function changingHasura (t: Test) {
  const state = { answer: '{"data":{"user":[]}}', asked: 0 }
  const url = await serverOf(t, (request, response) => {
    state.asked++
    void json(request).then(() => response.end(state.answer))
  })
  return { url, state }
}

t.test('without Hasura the service is healthy and not ready', async (t) => {
  const { inject, log } = await service(t)
  t.match(await inject({ method: 'GET', url: '/healthz' }), { status: 200, body: { status: 'ok' } })
  t.match(await inject({ method: 'GET', url: '/readyz' }), { status: 503, body: notReady })
  t.match(log().filter(({ msg }) => msg === 'not ready'), [{ level: 50, err: { code: 'hasura-unavailable' } }])
})

t.test('an answer stands for a second, and many probes are one', async (t) => {
  const { url, state } = await changingHasura(t)
  const { fastify, inject, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const ready = async () => (await fastify.metrics.getSingleMetric('hasura_jwt_auth_ready')?.get())?.values[0]?.value
  const probe = async () => inject({ method: 'GET', url: '/readyz' })
  for (const { status, body } of await Promise.all(Array.from({ length: 20 }, probe))) {
    t.strictSame([status, body], [200, { status: 'ok' }])
  }
  t.equal(state.asked, 1)
  state.answer = '<html>'
  while ((await probe()).status === 200) await after(20)
  t.equal(state.asked, 2)
  t.strictSame((await probe()).body, notReady)
  t.equal(state.asked, 2)
  t.equal(await ready(), 0)
  state.answer = '{"data":{"user":[]}}'
  while ((await probe()).status !== 200) await after(20)
  t.equal(await ready(), 1)
  t.strictSame(log().map(({ msg }) => msg).filter(msg => msg !== 'request'), ['not ready', 'ready again'])
})

t.test('during the shutdown it is not ready, and every answer closes its connection', async (t) => {
  const { fastify, inject } = await service(t, { SHUTDOWN_DELAY_SECONDS: '1' })
  const ended = fastify.shutDown()
  const { status, body, headers } = await inject({ method: 'GET', url: '/readyz' })
  t.strictSame([status, body, headers.connection], [503, failure('not-ready', 'The service is shutting down'), 'close'])
  t.match(await fastify.metrics.metrics(), 'hasura_jwt_auth_ready 0')
  await ended
})

t.test('on the sandbox it is ready with the admin secret and the table, and not without', async (t) => {
  const { hasuraUrl, serviceUrl } = await sandbox(t)
  t.equal((await fetch(`${serviceUrl}/readyz`)).status, 200)
  for (const [env, expected] of [
    [{}, 200], [{ HASURA_GRAPHQL_ADMIN_SECRET: `not-${settings.HASURA_GRAPHQL_ADMIN_SECRET}` }, 503]
  ] as const) {
    const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: hasuraUrl, ...env })
    t.equal((await inject({ method: 'GET', url: '/readyz' })).status, expected)
  }
})

t.test('without the table user it is not ready', async (t) => {
  const { url, state } = await changingHasura(t)
  state.answer = JSON.stringify({
    errors: [{ message: 'field \'user\' not found in type: \'query_root\'', extensions: { path: '$.selectionSet.user', code: 'validation-failed' } }]
  })
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.match(await inject({ method: 'GET', url: '/readyz' }), { status: 503, body: notReady })
})
