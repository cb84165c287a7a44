import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import config from '../../src/config.ts'
import callerGone from '../../src/http/caller-gone.ts'
import http, { serverOptions } from '../../src/http/http.ts'
import requestLog from '../../src/http/request-log.ts'
import metrics from '../../src/metrics.ts'
import { failure, service, settings } from '../support/service.ts'

const json = { 'content-type': 'application/json' }
const good = { email: 'a@b.test', password: 'a-password' }

t.test('the start has no time limit, so that it does not depend on the machine', async (t) => {
  const fastify = Fastify(serverOptions())
  t.teardown(() => fastify.close())
  t.equal(fastify.initialConfig.pluginTimeout, 0)
})

t.test('a bad request gets the error code of the first check that it fails', async (t) => {
  const { inject } = await service(t)
  const media = failure('unsupported-media-type', 'The content type must be application/json')
  const encoding = failure('unsupported-media-type', 'The request body must be UTF-8 without a content encoding')
  const invalidJson = failure('invalid-json', 'The request body is not valid JSON in UTF-8')
  const denied = failure('access-denied', 'The x-hasura-action-secret header is missing or wrong')
  const invalid = (message: string) => failure('validation-failed', message)
  const wrong = { 'x-hasura-action-secret': 'wrong' }
  const input = (input: unknown): InjectOptions => ({ payload: { input } })

  const table: Array<[string, InjectOptions, number, object]> = [
    ['an unknown path, before the secret', { url: '/nothing', headers: wrong }, 404,
      failure('not-found', 'There is nothing at this path')],
    ['an unknown path, before the body', { url: '/nothing?a', payload: '<', headers: { 'content-type': 'text/xml' } }, 404,
      failure('not-found', 'There is nothing at this path')],
    ['a wrong method, before the secret', { method: 'GET', headers: wrong }, 405,
      failure('method-not-allowed', 'The method must be POST')],
    ['a wrong method, before the body', { method: 'PUT', payload: '<', headers: { 'content-type': 'text/xml' } }, 405,
      failure('method-not-allowed', 'The method must be POST')],
    ['no POST for /healthz', { url: '/healthz' }, 405, failure('method-not-allowed', 'The method must be GET, HEAD')],
    ['a wrong secret, before the content type', { payload: '<', headers: { ...wrong, 'content-type': 'text/xml' } }, 401,
      denied],
    ['a wrong secret, before the size', { payload: 'x'.repeat(20_000), headers: { ...wrong, ...json } }, 401, denied],
    ['another content type, before the size', { payload: 'x'.repeat(20_000), headers: { 'content-type': 'text/plain' } },
      415, media],
    ['a form', { payload: 'email=a', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, media],
    ['a foreign charset', { payload: '{}', headers: { 'content-type': 'application/json; charset=utf-16' } }, 415, encoding],
    ['a content encoding', { payload: '{}', headers: { ...json, 'content-encoding': 'gzip' } }, 415, encoding],
    ['a large body, before the JSON', { payload: '{'.repeat(20_000), headers: json }, 413,
      failure('payload-too-large', 'The request body is too large')],
    ['a wrong content length', { payload: '{}', headers: { ...json, 'content-length': '3' } }, 400,
      failure('bad-request', 'The length of the request body differs from its content-length')],
    ['an expectation', { payload: { input: good }, headers: { expect: '100-continue, more' } }, 400,
      failure('bad-request', 'The only supported expectation is 100-continue')],
    ['broken JSON', { payload: '{"input":', headers: json }, 400, invalidJson],
    ['an empty body', { payload: '', headers: json }, 400, invalidJson],
    ['bytes that are not UTF-8', { payload: Buffer.from([0x22, 0xff, 0x22]), headers: json }, 400, invalidJson],
    ['no body', {}, 400, invalid('the request body must be object')],
    ['a list', { payload: '[]', headers: json }, 400, invalid('the request body must be object')],
    ['no input', { payload: {} }, 400, invalid('input is missing')],
    ['input of another type', input('x'), 400, invalid('input must be object')],
    ['no email', input({ password: 'x' }), 400, invalid('input.email is missing')],
    ['no password', input({ email: 'x' }), 400, invalid('input.password is missing')],
    ['a number for a string', input({ email: 'a@b', password: 12345678 }), 400, invalid('input.password must be string')],
    ['null', input({ email: null, password: 'x' }), 400, invalid('input.email must be string')],
    ['an unknown argument', input({ ...good, role: 'admin' }), 400, invalid('input.role is not an argument of this action')],
    ['a prototype key', { payload: '{"input":{"email":"a","password":"b","__proto__":{}}}', headers: json }, 400,
      invalid('input.__proto__ is not an argument of this action')],
    ['the action of another route', { payload: { action: { name: 'Other' }, input: good } }, 400,
      invalid('action.name must be NAME on this route')]
  ]
  for (const [name, url] of [['Login', '/login'], ['Signup', '/signup']] as const) {
    for (const [title, options, status, body] of table) {
      const answer = await inject({ url, ...options })
      const expected = JSON.parse(JSON.stringify(body).replace('NAME', name)) as object
      t.strictSame([answer.status, answer.body], [status, expected], `${name}: ${title}`)
      t.equal(answer.headers['content-type'], 'application/json; charset=utf-8')
    }
  }
  t.equal((await inject({ url: '/login', method: 'DELETE' })).headers.allow, 'POST')
})

t.test('duplicate slashes and a slash at the end do not change a route', async (t) => {
  const { inject } = await service(t)
  for (const url of ['//login', '/login/', '//login//', '///login', '/login/?a=/b/']) {
    const answer = await inject({ url, payload: { input: {} } })
    t.strictSame([answer.status, answer.body], [400, failure('validation-failed', 'input.email is missing')], url)
    const { status, body, headers } = await inject({ url, method: 'PUT' })
    t.strictSame([status, body, headers.allow], [405, failure('method-not-allowed', 'The method must be POST'), 'POST'], url)
  }
  for (const url of ['/', '//', '/log/in', '//nothing/', '/login/a/', '/?/login']) {
    t.strictSame((await inject({ url })).body, failure('not-found', 'There is nothing at this path'), url)
  }
  t.equal((await inject({ method: 'GET', url: '//healthz/' })).status, 200)
})

t.test('keys beside the input are ignored, and UTF-8 may be named as the charset', async (t) => {
  const { inject } = await service(t)
  const payload = '{"__proto__":{"a":1},"input":{"email":"a","password":"b"},"other":[1],"session_variables":7,"request_query":null}'
  const answer = await inject({ url: '/login', payload, headers: { 'content-type': 'application/json; charset="UTF-8"' } })
  t.strictSame(answer.body, failure('validation-failed', 'input.email must be an email address'))
})

t.test('broken HTTP gets an error of the same shape', async (t) => {
  const { fastify } = await service(t)
  fastify.server.headersTimeout = 100
  fastify.server.requestTimeout = 200
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fastify.server.address() as AddressInfo
  const send = async (bytes: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(bytes)
    const answer = await text(socket)
    return [Number(answer.split(' ')[1]), JSON.parse(answer.split('\r\n\r\n')[1] ?? '')] as unknown[]
  }
  const secret = `X-Hasura-Action-Secret: ${settings.ACTION_SECRET}\r\nContent-Type: application/json\r\n`
  const start = `POST /login HTTP/1.1\r\nHost: a\r\n${secret}`
  t.strictSame(await send('NOT HTTP\r\n\r\n'), [400, failure('bad-request', 'The request is not valid HTTP')])
  t.strictSame(await send(`${start}X: ${'x'.repeat(20_000)}\r\n\r\n`),
    [400, failure('bad-request', 'The request headers are too large')])
  t.strictSame(await send('GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    [400, failure('bad-request', 'The request is malformed')])
  t.strictSame(await send(`${start}Connection: close\r\nExpect: the-impossible\r\nContent-Length: 2\r\n\r\n{}`),
    [400, failure('bad-request', 'The only supported expectation is 100-continue')])
  t.strictSame(await send(`${start}Content-Length: 10\r\n\r\n`),
    [408, failure('request-timeout', 'The request took too long to arrive')])

  // A connection that the client resets gets no answer, and harms no other.
  const begun = once(fastify.server, 'request')
  const broken = new Promise<void>((resolve) => {
    fastify.server.on('clientError', ({ code }: NodeJS.ErrnoException) => { if (code === 'ECONNRESET') resolve() })
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(`${start}Content-Length: 10\r\n\r\n`)
  await begun
  socket.resetAndDestroy()
  await broken
  t.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
})

t.test('every header within the size limit is read', async (t) => {
  const { fastify } = await service(t)
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fastify.server.address() as AddressInfo
  const secret = `X-Hasura-Action-Secret: ${settings.ACTION_SECRET}\r\n`
  // Four bytes each. Node.js allows 16 KiB in all.
  for (const count of [999, 1000, 1001, 3900]) {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'a:\r\n'.repeat(count)}${secret}\r\n`)
    t.match(await text(socket), /^HTTP\/1.1 400 .*"code":"validation-failed"/s, `${count} headers before the secret`)
  }
})

t.test('an unexpected error is answered with 500 internal, and only the log has its cause', async (t) => {
  const lines: string[] = []
  const stream = { write: (line: string) => { lines.push(line) } }
  const fastify = Fastify({ ...serverOptions(), logger: { stream } })
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: settings })
  await fastify.register(metrics)
  await fastify.register(callerGone)
  await fastify.register(requestLog)
  await fastify.register(http)
  fastify.get('/bug', () => { throw new Error('the cause') })
  const response = await fastify.inject('/bug')
  t.strictSame([response.statusCode, response.json()], [500, failure('internal', 'internal error')])
  t.match(lines[0], '"message":"the cause"')
})

t.test('a request is logged in one line without its query string and body', async (t) => {
  const { inject, log } = await service(t)
  await inject({ url: '/login?secret=1', payload: { input: { email: 'no', password: 'hunter22' } } })
  const [{ time, milliseconds, pid, hostname, reqId, ...line } = {}] = log()
  t.ok([time, milliseconds, pid, hostname].every(value => value !== undefined))
  t.match(reqId, /^[\da-f-]{36}$/)
  t.strictSame(line, {
    level: 30,
    method: 'POST',
    path: '/login',
    status: 400,
    event: 'login',
    outcome: 'failure',
    code: 'validation-failed',
    msg: 'request'
  })
})

t.test('/healthz answers without the action secret', async (t) => {
  const { fastify } = await service(t)
  const response = await fastify.inject('/healthz')
  t.strictSame([response.statusCode, response.json()], [200, { status: 'ok' }])
})
