import t from 'tap'
import { failure, service, settings } from '../support/service.ts'

const denied = failure('access-denied', 'The x-hasura-action-secret header is missing or wrong')
const accepted = failure('validation-failed', 'the request body must be object')

t.test('an action accepts the current and the previous secret, and no other', async (t) => {
  const previous = 'the-secret-before-it'
  const { fastify } = await service(t, { ACTION_SECRET_PREVIOUS: previous })
  const table: Array<[string | undefined, object]> = [
    [settings.ACTION_SECRET, accepted], [previous, accepted], [undefined, denied], ['', denied], ['wrong', denied],
    [`${settings.ACTION_SECRET} x`, denied], [settings.ACTION_SECRET.toUpperCase(), denied]
  ]
  for (const [secret, body] of table) {
    for (const url of ['/signup', '/login']) {
      const headers = secret === undefined ? {} : { 'x-hasura-action-secret': secret }
      t.strictSame((await fastify.inject({ method: 'POST', url, headers })).json(), body, `${url} ${secret ?? 'none'}`)
    }
  }
})

t.test('the previous secret is refused once it is no longer configured', async (t) => {
  const { fastify } = await service(t)
  const headers = { 'x-hasura-action-secret': 'the-secret-before-it' }
  t.strictSame((await fastify.inject({ method: 'POST', url: '/login', headers })).json(), denied)
})

t.test('on a loopback address the secret is optional', async (t) => {
  const { fastify } = await service(t, { ACTION_SECRET: '' })
  t.strictSame((await fastify.inject({ method: 'POST', url: '/login' })).json(), accepted)
})
