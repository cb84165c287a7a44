import type { RequestListener } from 'node:http'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { ActionError } from '../../src/errors.ts'
import { CreateUserDocument, UserByEmailDocument } from '../../src/generated/operations.ts'
import config from '../../src/config.ts'
import type { Environment } from '../../src/config.ts'
import { parseEndpoint } from '../../src/hasura/connection.ts'
import hasura from '../../src/hasura/hasura.ts'
import metrics from '../../src/metrics.ts'
import { hasuraOf, serverOf, service, settings } from '../support/service.ts'

/** With the time limit of `settings`, or another one. */
async function started (t: Test, HASURA_GRAPHQL_ENDPOINT: string, limit: Environment = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  const env = { ...settings, HASURA_GRAPHQL_ENDPOINT, ...limit }
  await fastify.register(config, { env, parsers: { HASURA_GRAPHQL_ENDPOINT: parseEndpoint } })
  await fastify.register(metrics)
  await fastify.register(hasura)
  return fastify
}

type Client = FastifyInstance['hasura']

async function client (t: Test, endpoint: string, limit: Environment = {}): Promise<Client> {
  return (await started(t, endpoint, limit)).hasura
}

t.test('an operation is posted to /v1/graphql with the admin secret, and its data is returned', async (t) => {
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
  // Two if undici has not finished with the first answer when the second request starts.
  t.ok(ports.size <= 2, `${ports.size} connections for 20 requests`)
})

t.test('an error that Hasura reports keeps its message, code, path and SQLSTATE, and nothing else', async (t) => {
  const run = async (error: object): Promise<unknown> => {
    const { url } = await hasuraOf(t, { UserByEmail: { errors: [error] } })
    const { request } = await client(t, url)
    return request(UserByEmailDocument, { email: 'a@b.test' }).catch((error: unknown) => error)
  }
  const extensions = { code: 'unexpected', path: '$', internal: { arguments: ['a hash'], error: { status_code: '42P01' } } }
  const error = await run({ message: 'database query error', extensions })
  t.strictSame({ ...(error as object) }, { name: 'HasuraError', code: 'unexpected', path: '$', sqlState: '42P01' })
  t.equal((error as Error).message, 'database query error')

  for (const internal of [
    undefined, null, 'a text', {}, { error: null }, { error: { status_code: 42 } }, { error: { status_code: 'a hash' } }
  ]) {
    t.match(await run({ message: 'no', extensions: { ...extensions, internal } }), { sqlState: undefined }, JSON.stringify(internal))
  }
  // A proxy in front of Hasura may answer without extensions.
  for (const error of [{ message: 'no' }, { message: 'no', extensions: null }]) {
    t.match(await run(error), { name: 'HasuraError', code: 'undefined', path: 'undefined' })
  }
})

t.test('an answer that is not GraphQL is hasura-unavailable', async (t) => {
  const table: Record<string, RequestListener> = {
    'an HTML page': (_request, response) => response.writeHead(502).end('<html>Bad Gateway</html>'),
    'broken JSON': (_request, response) => response.end('{"data":{"user":[{"password":"$argon2'),
    'JSON of another shape': (_request, response) => response.end('[]'),
    'null': (_request, response) => response.end('null'),
    'data that is null': (_request, response) => response.end('{"data":null}'),
    'a redirect': (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    'errors that are not a list': (_request, response) => response.end('{"errors":"oops"}'),
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
    const limit = title === 'no answer in time' ? { HASURA_TIMEOUT_SECONDS: '1' } : {}
    const { request } = await client(t, await serverOf(t, listener), limit)
    const error = await request(UserByEmailDocument, { email: 'a@b.test' }).catch((error: unknown) => error)
    t.match(error, { name: 'ActionError', code: 'hasura-unavailable', message: 'Hasura is unavailable' }, title)
    const { name, message, code = 'NONE', ...others } = (error as { cause: NodeJS.ErrnoException }).cause
    t.notMatch(name + message, /argon2/)
    t.match(code, /^[A-Z\d_]+$/)
    t.strictSame(others, {}, 'the log would show nothing else')
  }
  const { request } = await client(t, 'http://127.0.0.1:1')
  await t.rejects(request(UserByEmailDocument, { email: 'a@b.test' }), { code: 'hasura-unavailable' }, 'no server')
})

/** What Hasura answers if its error has this code, or this SQLSTATE. */
const reported = (code: string, state?: string): RequestListener => (_request, response) => {
  const extensions = { path: '$', code, internal: { error: { status_code: state } } }
  response.end(JSON.stringify({ errors: [{ message: 'it fails', extensions }] }))
}
const gateway = (status: number): RequestListener => (_request, response) => { response.writeHead(status).end('<html>') }

/** A first answer; and the outcome of a query and of a mutation if the second answer is good. */
const failures: Array<[title: string, listener: RequestListener, query: string, mutation: string]> = [
  ['a reset connection', request => request.socket.resetAndDestroy(), 'sent again', 'hasura-unavailable'],
  ['a closed connection', request => request.socket.destroy(), 'sent again', 'hasura-unavailable'],
  ['502 of a gateway', gateway(502), 'sent again', 'hasura-unavailable'],
  ['503 of a gateway', gateway(503), 'sent again', 'hasura-unavailable'],
  ['504 of a gateway', gateway(504), 'sent again', 'hasura-unavailable'],
  ['500 of a gateway', gateway(500), 'hasura-unavailable', 'hasura-unavailable'],
  ['a page', gateway(200), 'hasura-unavailable', 'hasura-unavailable'],
  ['no connection to PostgreSQL', reported('postgres-error'), 'sent again', 'hasura-unavailable'],
  ['no free connection to PostgreSQL', reported('postgres-max-connections-error'), 'sent again', 'hasura-unavailable'],
  ['a lost connection to PostgreSQL', reported('unexpected', '08006'), 'sent again', 'hasura-unavailable'],
  ['PostgreSQL shutting down', reported('unexpected', '57P01'), 'sent again', 'hasura-unavailable'],
  ['PostgreSQL starting', reported('unexpected', '57P03'), 'sent again', 'hasura-unavailable'],
  ['too many clients of PostgreSQL', reported('unexpected', '53300'), 'sent again', 'hasura-unavailable'],
  ['a cancelled statement', reported('unexpected', '57014'), 'unexpected', 'unexpected'],
  ['a serialization failure at commit', reported('concurrent-update'), 'sent again', 'sent again'],
  ['a serialization failure of a statement', reported('unexpected', '40001'), 'sent again', 'sent again'],
  ['a deadlock', reported('unexpected', '40P01'), 'sent again', 'sent again'],
  ['an unknown end of a transaction', reported('unexpected', '40003'), 'unexpected', 'unexpected'],
  ['a missing table', reported('unexpected', '42P01'), 'unexpected', 'unexpected'],
  ['a violated constraint', reported('constraint-violation'), 'constraint-violation', 'constraint-violation']
]
const operations = {
  query: async (hasura: Client) => hasura.request(UserByEmailDocument, { email: 'a@b.test' }),
  mutation: async (hasura: Client) => hasura.request(CreateUserDocument, { email: 'a@b.test', password: 'a-hash' })
}

t.test('an operation is sent again once if that may help and cannot run a mutation twice', async (t) => {
  const cases = failures.flatMap(([title, misbehave, query, mutation]) => [
    { title: `${title}, query`, misbehave, run: operations.query, expected: query },
    { title: `${title}, mutation`, misbehave, run: operations.mutation, expected: mutation }
  ])
  await Promise.all(cases.map(async ({ title, misbehave, run, expected }) => {
    let asked = 0
    const url = await serverOf(t, (request, response) => {
      if (asked++ === 0) misbehave(request, response)
      else response.end('{"data":{}}')
    })
    const outcome = await run(await client(t, url)).then(() => 'sent again', (error: unknown) => (error as ActionError).code)
    t.strictSame([outcome, asked], [expected, expected === 'sent again' ? 2 : 1], title)
  }))
})

t.test('a failure that lasts is reported after the second try', async (t) => {
  for (const [title, misbehave, , mutation] of failures) {
    let asked = 0
    const url = await serverOf(t, (request, response) => {
      asked++
      misbehave(request, response)
    })
    const error = await operations.query(await client(t, url)).catch((error: unknown) => error)
    // A transaction that is rolled back twice is an error of Hasura's.
    if (mutation === 'sent again') t.match(error, { name: 'HasuraError' }, title)
    else t.match(error, { code: mutation }, title)
    t.ok(asked <= 2, title)
  }
})

t.test('an operation that was certainly not sent is sent again, also a mutation', async (t) => {
  for (const endpoint of ['http://127.0.0.1:1', 'http://localhost:1', 'http://hasura.invalid']) {
    const fastify = await started(t, endpoint)
    await t.rejects(operations.mutation(fastify.hasura), { code: 'hasura-unavailable' })
    const retries = fastify.metrics.getSingleMetric('hasura_jwt_auth_hasura_retries_total')
    t.match(await retries?.get(), { values: [{ value: 1, labels: { operation: 'CreateUser' } }] }, endpoint)
  }
})

t.test('the id of the request and a well-formed trace context are sent along', async (t) => {
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

t.test('it needs the configuration', async (t) => {
  const message = /dependency 'config' of plugin 'hasura' is not registered/
  await t.rejects(async () => { await Fastify().register(hasura) }, { message })
})
