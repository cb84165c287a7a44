import type { RequestListener } from 'node:http'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { UserByEmailDocument } from '../../src/generated/operations.ts'
import config from '../../src/plugins/config.ts'
import hasura from '../../src/plugins/hasura.ts'
import { hasuraOf, serverOf, settings } from '../service.ts'

async function client (t: Test, HASURA_GRAPHQL_ENDPOINT: string) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, HASURA_GRAPHQL_ENDPOINT, HASURA_TIMEOUT_SECONDS: '1' } })
  await fastify.register(hasura)
  return fastify.hasura
}

t.test('an operation goes to /v1/graphql with the admin secret, and its data comes back', async (t) => {
  const data = { user: [] }
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data } })
  for (const [endpoint, path] of [[url, '/v1/graphql'], [`${url}/base/`, '/base/v1/graphql']] as const) {
    const { request } = await client(t, endpoint)
    t.strictSame(await request(UserByEmailDocument, { email: 'a@b.test' }), data)
    const last = asked.at(-1)
    t.strictSame([last?.request.url, last?.variables], [path, { email: 'a@b.test' }])
    t.equal(last?.request.headers['x-hasura-admin-secret'], settings.HASURA_GRAPHQL_ADMIN_SECRET)
    t.equal(last?.request.headers['content-type'], 'application/json')
  }
})

t.test('connections are kept alive', async (t) => {
  const ports = new Set<number | undefined>()
  const url = await serverOf(t, (request, response) => {
    ports.add(request.socket.remotePort)
    response.end('{"data":{"user":[]}}')
  })
  const { request } = await client(t, url)
  for (let i = 0; i < 20; i++) await request(UserByEmailDocument, { email: 'a@b.test' })
  // A second one, where the answer of the first has not been wholly put away yet.
  t.ok(ports.size <= 2, `${ports.size} connections for 20 requests`)
})

t.test('an error that Hasura reports keeps its message, code and path, and nothing else', async (t) => {
  const extensions = { code: 'access-denied', path: '$', internal: { arguments: ['a hash'] } }
  const { url } = await hasuraOf(t, { UserByEmail: { errors: [{ message: 'invalid secret', extensions }] } })
  const { request } = await client(t, url)
  const error = await request(UserByEmailDocument, { email: 'a@b.test' }).catch((error: unknown) => error)
  t.strictSame({ ...(error as object) }, { name: 'HasuraError', code: 'access-denied', path: '$' })
  t.equal((error as Error).message, 'invalid secret')

  // As a proxy in front of Hasura may answer.
  const bare = await client(t, (await hasuraOf(t, { UserByEmail: { errors: [{ message: 'no' }] } })).url)
  await t.rejects(bare.request(UserByEmailDocument, { email: 'a@b.test' }), { name: 'HasuraError', code: 'undefined' })
})

t.test('what is not a GraphQL answer is hasura-unavailable', async (t) => {
  const table: Record<string, RequestListener> = {
    'an HTML page': (_request, response) => response.writeHead(502).end('<html>Bad Gateway</html>'),
    'broken JSON': (_request, response) => response.end('{"data":{"user":[{"password":"$argon2'),
    'JSON of another shape': (_request, response) => response.end('[]'),
    'null': (_request, response) => response.end('null'),
    'data that is null': (_request, response) => response.end('{"data":null}'),
    'a redirect': (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    'an errors that is no list': (_request, response) => response.end('{"errors":"oops"}'),
    'an error without a message': (_request, response) => response.end('{"errors":[{}]}'),
    'data that is a list': (_request, response) => response.end('{"data":[]}'),
    'no answer in time': () => { /* never */ },
    'broken HTTP': request => request.socket.end(
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n{"data":{"user":[{"password":"$argon2id$hash"}]}}\r\n'
    ),
    'a reset connection': request => request.socket.destroy(),
    'a body of more than a mebibyte': (_request, response) => response.end(`"${'x'.repeat(1_100_000)}"`)
  }
  for (const [title, listener] of Object.entries(table)) {
    const { request } = await client(t, await serverOf(t, listener))
    const error = await request(UserByEmailDocument, { email: 'a@b.test' }).catch((error: unknown) => error)
    t.match(error, { name: 'ActionError', code: 'hasura-unavailable', message: 'Hasura is unavailable' }, title)
    const { name, message, ...others } = (error as { cause: Error }).cause
    t.notMatch(name + message, /argon2/)
    t.strictSame(others, {}, 'nothing else that a log would show')
  }
  const { request } = await client(t, 'http://127.0.0.1:1')
  await t.rejects(request(UserByEmailDocument, { email: 'a@b.test' }), { code: 'hasura-unavailable' }, 'no server')
})

t.test('an endpoint that cannot be one stops the start', async (t) => {
  for (const [endpoint, message] of [
    ['hasura:8080', 'HASURA_GRAPHQL_ENDPOINT is not an http or https URL: use one such as http://localhost:8080'],
    ['nothing', 'HASURA_GRAPHQL_ENDPOINT is not an http or https URL: use one such as http://localhost:8080'],
    ['http://a/v1/graphql', 'HASURA_GRAPHQL_ENDPOINT must be the base URL: take /v1/graphql off its end']
  ] as const) {
    await t.rejects(client(t, endpoint), { name: 'ConfigError', message })
  }
})

t.test('without the configuration it does not start', async (t) => {
  const message = /dependency 'config' of plugin 'hasura' is not registered/
  await t.rejects(async () => { await Fastify().register(hasura) }, { message })
})
