import type { RequestListener } from 'node:http'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { ActionError } from '../../src/errors.ts'
import { CreateUserDocument, UserByEmailDocument } from '../../src/generated/operations.ts'
import config from '../../src/config.ts'
import hasura from '../../src/hasura/hasura.ts'
import metrics from '../../src/metrics.ts'
import { hasuraOf, serverOf, service, settings } from '../support/service.ts'

async function started (t: Test, HASURA_GRAPHQL_ENDPOINT: string) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, HASURA_GRAPHQL_ENDPOINT, HASURA_TIMEOUT_SECONDS: '1' } })
  await fastify.register(metrics)
  await fastify.register(hasura)
  return fastify
}

type Client = FastifyInstance['hasura']

async function client (t: Test, endpoint: string): Promise<Client> {
  return (await started(t, endpoint)).hasura
}

t.test('an operation goes to /v1/graphql with the admin secret, and its data comes back', async (t) => {
  const data = { user: [] }
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data } })
  for (const [endpoint, path] of [
    [url, '/v1/graphql'], [`${url}//`, '/v1/graphql'], [`${url}/base/`, '/base/v1/graphql']
  ] as const) {
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

t.test('a query is sent once more after a lost connection or a gateway\'s error, and a mutation is not', async (t) => {
  const query = { run: async (hasura: Client) => hasura.request(UserByEmailDocument, { email: 'a@b.test' }), data: { user: [] } }
  const mutation = {
    run: async (hasura: Client) => hasura.request(CreateUserDocument, { email: 'a@b.test', password: 'a-hash' }),
    data: { insert_user_one: null }
  }
  const table: Array<[string, RequestListener, boolean]> = [
    ['a reset', request => request.socket.resetAndDestroy(), true],
    ['an end', request => request.socket.destroy(), true],
    ...[502, 503, 504].map((status): [string, RequestListener, boolean] => (
      [String(status), (_request, response) => response.writeHead(status).end('<html>'), true]
    )),
    ['500', (_request, response) => response.writeHead(500).end('<html>'), false],
    ['a page', (_request, response) => response.end('<html>'), false]
  ]
  await Promise.all(table.flatMap(([title, misbehave, isRetried]) => [query, mutation].map(async (operation) => {
    const { run, data } = operation
    let asked = 0
    const url = await serverOf(t, (request, response) => {
      if (asked++ === 0) misbehave(request, response)
      else response.end(JSON.stringify({ data }))
    })
    const outcome = await run(await client(t, url)).catch((error: unknown) => (error as ActionError).code)
    const isSentAgain = isRetried && operation === query
    t.strictSame([outcome, asked], isSentAgain ? [data, 2] : ['hasura-unavailable', 1], `${title} after a ${run.toString()}`)
  })))
})

t.test('what was surely not sent is sent once more, a mutation too', async (t) => {
  for (const endpoint of ['http://127.0.0.1:1', 'http://hasura.invalid']) {
    const fastify = await started(t, endpoint)
    const input = { email: 'a@b.test', password: 'a-hash' }
    await t.rejects(fastify.hasura.request(CreateUserDocument, input), { code: 'hasura-unavailable' })
    const retries = fastify.metrics.getSingleMetric('hasura_jwt_auth_hasura_retries_total')
    t.match(await retries?.get(), { values: [{ value: 1, labels: { operation: 'CreateUser' } }] }, endpoint)
  }
})

t.test('the id of the request and a well-formed trace context go along', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { inject, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const payload = { input: { email: 'a@b.test', password: 'a-password' } }
  await inject({ url: '/login', payload, headers: { traceparent } })
  await inject({ url: '/login', payload, headers: { 'traceparent': 'anything else', 'x-request-id': 'a client\'s own' } })
  await inject({ url: '/login', payload })
  t.strictSame(asked.map(({ request }) => request.headers['traceparent']), [traceparent, undefined, undefined])
  t.strictSame(asked.map(({ request }) => request.headers['x-request-id']), log().map(({ reqId }) => reqId))
})

t.test('an unusable endpoint stops the start, and its credentials are not repeated', async (t) => {
  const scheme = 'is not an http or https URL: use one such as http://localhost:8080'
  const base = 'must be the base URL: remove /v1/graphql from its end'
  const credentials = 'contains a user name or a password: remove them, since Hasura checks HASURA_GRAPHQL_ADMIN_SECRET'
  const query = 'contains a query or a fragment: remove everything from the ? or # on'
  const table: Array<[endpoint: string, problem: string]> = [
    ['hasura:8080', scheme],
    ['nothing', scheme],
    ['ws://hasura:8080', scheme],
    ['http://', scheme],
    ['http://hasura/v1/graphql', base],
    ['http://hasura/v1/graphql/', base],
    ['http://hasura/v1/graphql//', base],
    ['https://hasura/base/v1/graphql/', base],
    ['http://user:hunter2@hasura:8080', credentials],
    ['http://hunter2@hasura:8080', credentials],
    ['http://:hunter2@hasura:8080/v1/graphql', credentials],
    ['http://hasura:8080?secret=hunter2', query],
    ['http://hasura:8080/#hunter2', query]
  ]
  for (const [endpoint, problem] of table) {
    const error = await client(t, endpoint).catch((error: unknown) => error) as Error
    t.strictSame([error.name, error.message], ['ConfigError', `HASURA_GRAPHQL_ENDPOINT ${problem}`], endpoint)
  }
})

t.test('without the configuration it does not start', async (t) => {
  const message = /dependency 'config' of plugin 'hasura' is not registered/
  await t.rejects(async () => { await Fastify().register(hasura) }, { message })
})
