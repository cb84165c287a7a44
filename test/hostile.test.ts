import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import { hasuraOf, service, settings } from './support/service.ts'

/** The service with no users and without a limit on attempts, because these tests are about the input. */
async function start (t: Test) {
  const { url } = await hasuraOf(t, {
    UserByEmail: { data: { user: [] } },
    CreateUser: { data: { insert_user_one: { id: 1, email: 'a@b.test', password: 'hash' } } }
  })
  const env = { HASURA_GRAPHQL_ENDPOINT: url, LOG_LEVEL: 'silent', LOGIN_LIMIT_PER_ACCOUNT: '1000000' }
  const running = await service(t, env)
  Object.assign(running.fastify.server, { headersTimeout: 1000, keepAliveTimeout: 1000 })
  return running
}

/** Whether an answer is a 200, or an error of the documented shape below 500. */
function isValid (status: number, contentType: unknown, body: string): boolean {
  if (status === 200) return true
  const { message, extensions, ...others } = JSON.parse(body) as Record<string, unknown>
  const { path, code, retry_after_seconds: seconds, ...more } = extensions as Record<string, unknown>
  return status >= 400 && status < 500 && contentType === 'application/json; charset=utf-8'
    && typeof message === 'string' && path === '$' && typeof code === 'string' && /^[a-z-]+$/.test(code)
    && (status === 429 ? Number.isInteger(seconds) : seconds === undefined)
    && Object.keys({ ...others, ...more }).length === 0
}

const headers = { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET }
const actions = fc.constantFrom('/login', '/signup')
const anyText = fc.string({ unit: 'binary', maxLength: 300 })
const inputs = fc.record({
  email: fc.oneof(fc.emailAddress(), anyText, fc.jsonValue()), password: fc.oneof(anyText, fc.jsonValue())
}, { requiredKeys: [] })

t.test('any body gets a valid answer', async (t) => {
  const { fastify } = await start(t)
  const sends = async (options: InjectOptions): Promise<boolean> => {
    const { statusCode, headers: received, body } = await fastify.inject({ method: 'POST', headers, ...options })
    return isValid(statusCode, received['content-type'], body)
  }
  const bodies: Record<string, fc.Arbitrary<string | Uint8Array>> = {
    'any input': inputs.map(input => JSON.stringify({ input })),
    'any value': fc.jsonValue().map(value => JSON.stringify(value)),
    'any payload of an action': fc.record({
      input: fc.oneof(inputs, fc.jsonValue()), action: fc.jsonValue(), session_variables: fc.jsonValue()
    }, { requiredKeys: [] }).map(value => JSON.stringify(value)),
    'any text': anyText,
    'any bytes': fc.uint8Array({ maxLength: 300 })
  }
  for (const [title, payloads] of Object.entries(bodies)) {
    const property = fc.asyncProperty(actions, payloads, async (url, payload) => (
      sends({ url, payload: Buffer.from(payload) })
    ))
    await t.resolves(fc.assert(property, { numRuns: 200 }), title)
  }
})

t.test('any method, path and header get a valid answer', async (t) => {
  const { fastify } = await start(t)
  const token = fc.string({ unit: fc.constantFrom('a', 'b', 'x', 'y', '-'), minLength: 1, maxLength: 20 })
  const names = fc.oneof(token, fc.constantFrom(
    'content-type', 'content-encoding', 'x-hasura-action-secret', 'accept', 'accept-encoding', 'origin', 'cookie', 'range',
    'x-forwarded-for', 'x-http-method-override', 'if-none-match', 'authorization'
  ))
  const values = fc.string({ maxLength: 200 }).map(value => value.replaceAll(/[^\x20-\x7e]/g, ''))
  const requests = fc.record({
    method: fc.constantFrom('GET' as const, 'HEAD', 'POST', 'POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
    url: fc.oneof(
      actions, actions, fc.constant('/healthz'), fc.webPath().filter(path => path.startsWith('/')),
      fc.string().map(path => `/${encodeURI(path.toWellFormed())}`)
    ),
    headers: fc.record({ sent: fc.dictionary(names, values), isHasura: fc.boolean() }).map(({ sent, isHasura }) => (
      isHasura ? { ...sent, 'x-hasura-action-secret': settings.ACTION_SECRET } : sent
    )),
    payload: anyText
  })
  const property = fc.asyncProperty(requests, async (request) => {
    const { statusCode, headers, body } = await fastify.inject(request)
    return request.method === 'HEAD' ? statusCode < 500 : isValid(statusCode, headers['content-type'], body)
  })
  await t.resolves(fc.assert(property, { numRuns: 500 }))
})

t.test('hostile bodies are refused or harmless', async (t) => {
  const { inject, fastify } = await start(t)
  const good = '"email":"a@b.test","password":"a-password"'
  const wrapped = (input: string): string => `{"input":{${input}}}`
  const table: Array<[string, string, number, string]> = [
    ['__proto__ in the input', wrapped(`${good},"__proto__":{"admin":true}`), 400, 'validation-failed'],
    ['__proto__ beside the input', `{"__proto__":{"input":{${good}}}}`, 400, 'validation-failed'],
    ['constructor.prototype', wrapped(`${good},"constructor":{"prototype":{"admin":true}}`), 400, 'validation-failed'],
    ['deep nesting', wrapped(`"email":${'['.repeat(3000)}${']'.repeat(3000)}`), 400, 'validation-failed'],
    ['deep nesting beside the input', `{"x":${'{"a":'.repeat(2000)}1${'}'.repeat(2000)},"input":{${good}}}`, 401, 'invalid-credentials'],
    ['a huge string', wrapped(`"email":"a@b.test","password":"${'x'.repeat(20_000)}"`), 413, 'payload-too-large'],
    ['a huge number', wrapped(`"email":"a@b.test","password":1${'0'.repeat(400)}`), 400, 'validation-failed'],
    ['a key twice, the last one counts', wrapped(`"email":"a@b.test","password":1,"password":"a-password"`), 401, 'invalid-credentials'],
    ['a lone surrogate in the password', wrapped('"email":"a@b.test","password":"\\ud800aaaaaaaa"'), 400, 'validation-failed'],
    ['a lone surrogate in the email', wrapped('"email":"\\udfff@b.test","password":"a-password"'), 400, 'validation-failed'],
    ['a control character in the email', wrapped('"email":"a\\u0000@b.test","password":"a-password"'), 400, 'validation-failed'],
    ['a number for a string', wrapped('"email":"a@b.test","password":12345678'), 400, 'validation-failed'],
    ['null for a string', wrapped('"email":null,"password":"a-password"'), 400, 'validation-failed'],
    ['an array for the input', `{"input":[{${good}}]}`, 400, 'validation-failed'],
    ['an array for the body', `[{"input":{${good}}}]`, 400, 'validation-failed'],
    ['a byte order mark', `\ufeff${wrapped(good)}`, 400, 'invalid-json'],
    ['nothing', '', 400, 'invalid-json']
  ]
  for (const [title, payload, status, code] of table) {
    const answer = await inject({ url: '/login', headers, payload })
    t.match(answer, { status, body: { extensions: { path: '$', code } } }, title)
  }
  t.equal(({} as Record<string, unknown>)['admin'], undefined)
  t.equal((await fastify.inject('/healthz')).statusCode, 200)
})

t.test('a text up to the body limit is refused before it is normalised', async (t) => {
  const { inject } = await start(t)
  const normalize = t.capture(String.prototype, 'normalize', Reflect.get(String.prototype, 'normalize'))
  const emailTooLong = ['validation-failed', 'input.email must have at most 254 characters']
  const malformed = ['validation-failed', 'input.email must be an email address']
  // Runs of marks, characters that decompose or compose, and text that is long in bytes or UTF-16 units only.
  const texts = [
    'a', '@', '.', ' ', '\0', 'é', 'e\u0301', '\u0300', '\u0300\u0316', '\u0345\u0300\u0316\u05b0', 'α\u0313\u0300\u0345', 'ᾂ', '\ufdfa', '각',
    '\u1100\u1161\u11a8', '\u0f71\u0f72', '\u3099', '\u{1d15e}', '\u{16126}', '😀', '漢', '\u0130', 'Σ', '\u200d', 'xn--', 'ü.', '%41', '1.'
  ].map(unit => unit.repeat(Math.floor(15_000 / Buffer.byteLength(JSON.stringify(unit).slice(1, -1)))))
  texts.push(`a${'\u0300\u0316'.repeat(3700)}`, '\ud800'.repeat(2400), `a\u0300\u0316${'a'.repeat(14_000)}`)
  for (const text of texts) {
    const title = encodeURI(text.slice(0, 4).toWellFormed())
    const input = (email: string, password: string) => ({ payload: { input: { email, password } } })
    const answerOf = async (url: string, options: InjectOptions): Promise<unknown[]> => {
      const { status, body } = await inject({ url, ...options })
      const { message, extensions } = body as { message: string, extensions: { code: string } }
      return [status, extensions.code, message]
    }
    const emails = [text, `${text}@b.test`, `a@${text}`, `a@${text}.test`].map(email => input(email, 'a-password'))
    for (const email of emails) {
      const [status, ...error] = await answerOf('/login', email)
      t.equal(status, 400, title)
      t.ok([emailTooLong, malformed].some(expected => String(expected) === String(error)), title)
    }
    const password = input('a@b.test', text)
    t.strictSame(await answerOf('/login', password), [400, 'validation-failed', 'input.password must have at most 256 characters'], title)
    t.strictSame(await answerOf('/signup', password), [400, 'weak-password', 'The password must have at most 256 characters'], title)
  }
  const longest = Math.max(...normalize().map(({ receiver }) => Array.from(receiver as string).length))
  t.equal(longest <= 1024, true, `the longest normalised text has ${longest} code points`)
})

t.test('hostile requests on a socket get an answer or are closed', async (t) => {
  const { fastify } = await start(t)
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fastify.server.address() as AddressInfo
  const send = async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.write(bytes)
    return text(socket)
  }
  const body = JSON.stringify({ input: { email: 'a@b.test', password: 'a-password' } })
  const gzipped = gzipSync(body)
  const requestHead = (line: string, more = ''): string => [
    `${line} HTTP/1.1`, 'Host: a', 'Connection: close', `X-Hasura-Action-Secret: ${settings.ACTION_SECRET}`,
    ...(more === '' ? [] : [more]), '', ''
  ].join('\r\n')
  const post = (more: string, payload = body): string => (
    requestHead('POST /login', `Content-Length: ${Buffer.byteLength(payload)}\r\n${more}`) + payload
  )
  const json = 'Content-Type: application/json'
  const table: Array<[string, string | Buffer, number]> = [
    ['Expect: 100-continue', post(`${json}\r\nExpect: 100-continue`), 401],
    ['Expect: something else', post(`${json}\r\nExpect: 200-ok`), 400],
    ['a gzip body', Buffer.concat([
      Buffer.from(requestHead('POST /login', `Content-Length: ${gzipped.length}\r\n${json}\r\nContent-Encoding: gzip`)), gzipped
    ]), 415],
    ['a foreign charset', post('Content-Type: application/json; charset=utf-16'), 415],
    ['a form', post('Content-Type: application/x-www-form-urlencoded'), 415],
    ['no content type', post('X: y'), 415],
    ['an unknown method', requestHead('BREW /login'), 400],
    ['a known method without a route', requestHead('PROPFIND /login'), 405],
    ['TRACE', requestHead('TRACE /login'), 405],
    ['dots in the path', requestHead('GET /../../etc/passwd'), 404],
    ['encoded dots', requestHead('GET /%2e%2e/%2e%2e/etc/passwd'), 404],
    ['a double slash, which the router ignores', requestHead('POST //login'), 400],
    ['a trailing slash, which the router ignores', requestHead('POST /login/'), 400],
    ['another case', requestHead('POST /LOGIN'), 404],
    ['a NUL in the path', requestHead('POST /login%00'), 404],
    ['a pattern in the path', requestHead('GET /:(*'), 404],
    ['a broken escape', requestHead('POST /%zz'), 400],
    ['an absolute URL', requestHead('GET http://elsewhere/secret'), 404],
    ['oversized headers', requestHead('GET /healthz', `X: ${'x'.repeat(20_000)}`), 400],
    ['two lengths', `POST /login HTTP/1.1\r\nHost: a\r\n${json}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`, 400],
    ['a length and chunks', `POST /login HTTP/1.1\r\nHost: a\r\n${json}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a header with a line break', 'GET /healthz HTTP/1.1\r\nHost: a\r\nX: a\nb\r\n\r\n', 400],
    ['no host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['no HTTP', '\x16\x03\x01\x00\xa5\x01\x00\x00', 400]
  ]
  for (const [title, bytes, status] of table) {
    const answer = (await send(bytes)).replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
    const [head = '', content = ''] = answer.split('\r\n\r\n')
    t.equal(Number(head.split(' ')[1]), status, title)
    t.ok(isValid(status, /content-type: (.*)/i.exec(head)?.[1], content), title)
  }

  t.equal(await send(requestHead('CONNECT a:1')), '', 'Node.js closes a CONNECT')
  t.equal(await send(''), await send('GET /healthz HTTP/1.1\r\nHost'), 'a connection without a request, or with a slow one, is closed with the same answer')
  const idle = await send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(idle, /^HTTP\/1\.1 200 OK/)
})
