import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { listening, start } from '../support/process.ts'
import { sandbox } from '../support/sandbox.ts'
import { serverOf, service, settings } from '../support/service.ts'

const key = 'a-key-of-at-least-thirty-two-bytes'

t.test('no password, hash, token, secret or email is printed, whatever happens', async (t) => {
  const { hasuraUrl, as } = await sandbox(t)
  // A server between the service and the sandbox, which fails on demand.
  let misbehave: ((operation: string, response: ServerResponse) => boolean) | undefined
  const between = await serverOf(t, (request, response) => {
    void text(request).then(async (body) => {
      if (misbehave?.(body, response) === true) return
      const headers = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
      const answer = await fetch(`${hasuraUrl}/v1/graphql`, { method: 'POST', headers, body })
      response.end(await answer.text())
    })
  })
  const { child, stderr } = start(t, {
    ...settings,
    LOG_LEVEL: 'trace',
    PORT: '0',
    HASURA_GRAPHQL_ENDPOINT: between,
    HASURA_TIMEOUT_SECONDS: '1',
    REDIS_URL: 'redis://name:the-password-of-redis@127.0.0.1:1',
    PASSWORD_BLOCKLIST: 'common',
    CLIENT_ADDRESS_HEADER: 'x-client-address'
  })
  const stdout = text(child.stdout)
  const url = await listening(child)

  const secrets = new Set([
    settings.HASURA_GRAPHQL_ADMIN_SECRET, settings.ACTION_SECRET, key, 'the-password-of-someone', 'a-wrong-password',
    'the-password-of-redis', 'a-leaked-hash', 'someone@test.com', 'someone', 'nobody@test.com', 'not-an-email', '192.0.2.77', 'a-forged-secret', 'argon2id'
  ])
  const call = async (
    action: string, body: string | object, headers: Record<string, string> = {}, signal?: AbortSignal
  ) => {
    const response = await fetch(`${url}/${action}?password=the-password-of-someone`, {
      method: 'POST',
      signal: signal ?? null,
      headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body)
    })
    return await response.json() as Record<string, unknown>
  }
  const input = { email: 'someone@test.com', password: 'the-password-of-someone' }

  const { password: hash, id } = await call('signup', { input })
  const { token } = await call('login', { input, request_query: 'mutation { Login(password: "the-password-of-someone") }' })
  for (const secret of [hash, token]) {
    t.type(secret, 'string')
    secrets.add(String(secret))
  }
  await call('signup', { input })
  await call('login', { input: { ...input, password: 'a-wrong-password' } })

  const leak = '{"data":{"user":[{"password":"a-leaked-hash","email":"someone@test.com"'
  const error = { message: 'a-leaked-hash of someone@test.com', extensions: { code: 'x', internal: 'a-leaked-hash' } }
  for (const answer of [
    leak, '<html>a-leaked-hash', '"a-leaked-hash"', `${leak},"id":1,"roles":null}]}}`,
    JSON.stringify({ errors: [{ ...error, message: 'database query error' }] })
  ]) {
    misbehave = (_body, response) => { response.end(answer); return true }
    await call('login', { input }, { 'x-client-address': '192.0.2.1' })
  }
  misbehave = (_body, response) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n${leak}\r\n`)
    return true
  }
  await call('login', { input }, { 'x-client-address': '192.0.2.1' })
  misbehave = (_body, response) => { response.destroy(); return true }
  await call('signup', { input }, { 'x-client-address': '192.0.2.1' })
  const gone = new AbortController()
  misbehave = () => { gone.abort(); return true }
  await t.rejects(call('login', { input }, { 'x-client-address': '192.0.2.1' }, gone.signal), { name: 'AbortError' })
  misbehave = undefined
  await call('login', { input: { ...input, email: 'nobody@test.com' } })
  await call('login', { input: { ...input, email: 'not-an-email' } })
  await call('login', { input: { ...input, 'the-password-of-someone': 'x' } })
  await call('login', { input }, { 'x-hasura-action-secret': 'a-forged-secret' })
  await call('login', { input }, { 'x-client-address': 'someone@test.com' })
  await call('login', `{"input":{"password":"the-password-of-someone"`)
  await call('signup', { input: { ...input, password: 'password' } })
  await call('signup', { input: { ...input, email: 'UPPER@test.com\u0000' } })
  const broken = '_set: { password: "$argon2id$broken" }'
  await as('admin', `mutation { update_user_by_pk(pk_columns: { id: ${String(id)} }, ${broken}) { id } }`)
  await call('login', { input }, { 'x-client-address': '192.0.2.77' })
  for (let i = 0; i < 12; i++) await call('login', { input }, { 'x-client-address': '192.0.2.77' })
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.end('POST /login the-password-of-someone\r\n\r\n')
  await text(socket)

  child.kill('SIGTERM')
  await once(child, 'exit')
  const printed = await stdout + await stderr
  for (const secret of secrets) t.notOk(printed.includes(secret), secret)

  const lines = (await stdout).trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
  const attempts = lines.filter(({ event }) => event !== undefined)
  t.match(attempts[0], {
    event: 'signup', outcome: 'success', userId: id, status: 200, reqId: String, account: /^[\w-]{22}$/, code: undefined
  })
  t.match(attempts[1], { event: 'login', outcome: 'success', userId: id, account: attempts[0]?.['account'] })
  t.match(attempts[2], { event: 'signup', outcome: 'failure', code: 'constraint-violation', userId: undefined })
  t.match(attempts[3], { event: 'login', outcome: 'failure', code: 'invalid-credentials', account: attempts[0]?.['account'] })
  t.match(attempts.at(-1), { event: 'login', outcome: 'failure', code: 'rate-limited' })
  t.ok(attempts.some(({ outcome }) => outcome === 'gone'))
  t.ok(lines.some(({ msg }) => String(msg).startsWith('Redis failed')))
  t.ok(attempts.filter(({ code }) => code === 'hasura-unavailable').length >= 5)
  t.equal(new Set(attempts.map(({ reqId }) => reqId)).size, attempts.length)
})

t.test('refusals before any action are counted, and logged at debug only', async (t) => {
  const host = 'Host: a\r\nConnection: close\r\n\r\n'
  const table: Array<[string, string, string | undefined]> = [
    ['an unknown path', `GET /wp-login.php HTTP/1.1\r\n${host}`, 'not-found'],
    ['a path above the root', `GET /../.env HTTP/1.1\r\n${host}`, 'not-found'],
    ['another method', `GET /login HTTP/1.1\r\n${host}`, 'method-not-allowed'],
    ['a path that cannot be decoded', `GET /% HTTP/1.1\r\n${host}`, 'bad-request'],
    ['another protocol', '\x16\x03\x01\x00\xa5\x01\r\n\r\n', 'bad-request'],
    ['an expectation', `GET / HTTP/1.1\r\nExpect: more\r\n${host}`, 'bad-request'],
    ['a missing Host header', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 'bad-request'],
    ['large headers', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n${host}`, 'bad-request'],
    ['a probe', `GET /healthz HTTP/1.1\r\n${host}`, undefined]
  ]
  for (const [title, bytes, code] of table) {
    const { fastify, log } = await service(t, { LOG_LEVEL: 'debug' })
    await fastify.listen({ host: '127.0.0.1', port: 0 })
    const socket = connect((fastify.server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(bytes)
    await text(socket)
    const refusals = await fastify.metrics.getSingleMetric('hasura_jwt_auth_refusals_total')?.get()
    t.match(refusals?.values, code === undefined ? [] : [{ labels: { reason: code }, value: 1 }], title)
    t.equal(refusals?.values.length, code === undefined ? 0 : 1, title)
    const lines = log().filter(({ msg }) => msg === 'request')
    t.strictSame(lines.map(({ level, code }) => [level, code]), [[20, code]], title)
  }
})

t.test('requests to an action are logged at info, a failing probe is not', async (t) => {
  const { inject, log } = await service(t, { LOG_LEVEL: 'info' })
  await inject({ url: '/login', headers: { 'x-hasura-action-secret': 'wrong' } })
  await inject({ url: '/login', payload: { input: {} } })
  await inject({ method: 'GET', url: '/readyz' })
  const lines = log().filter(({ msg }) => msg === 'request')
  t.match(lines, [
    { level: 30, event: 'login', outcome: 'failure', code: 'access-denied', status: 401 },
    { level: 30, event: 'login', outcome: 'failure', code: 'validation-failed', status: 400 }
  ])
  t.equal(lines.length, 2)
})
