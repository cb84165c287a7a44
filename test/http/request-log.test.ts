import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { subjects } from '../support/mail.ts'
import { listening, start } from '../support/process.ts'
import { sandbox } from '../support/sandbox.ts'
import { serverOf, service, settings } from '../support/service.ts'
import { smtpServer, until } from '../support/smtp-servers.ts'

const key = 'a-key-of-at-least-thirty-two-bytes'
const tokenSecret = 'the-secret-of-all-refresh-tokens'
const smtpUser = 'the-user-of-smtp'
const smtpPassword = 'the-password-of-smtp'

/** Starts an SMTP server that refuses the first login, and every mail to `refused@` or `later@`. */
async function unwillingSmtpServer (t: Test) {
  const logins: unknown[] = []
  const refusals: string[] = []
  const { port, received } = await smtpServer(t, {
    onAuth ({ password }, _session, callback) {
      logins.push(password)
      if (logins.length > 1) callback(null, { user: smtpUser })
      else callback(new Error(`${smtpUser} ${smtpPassword} of holder@mail.test is wrong`))
    },
    onRcptTo ({ address }, _session, callback) {
      const responseCode = { 'refused@mail.test': 550, 'later@mail.test': 451 }[address]
      if (responseCode === undefined) {
        callback()
        return
      }
      refusals.push(address)
      callback(Object.assign(new Error(`no mail to ${address}`), { responseCode }))
    }
  })
  return {
    url: `smtp://${smtpUser}:${smtpPassword}@127.0.0.1:${port}`,
    logins,
    refusals,
    /** Waits for a mail, and returns the token of its link. */
    tokenTo: async (email: string, subject: string): Promise<string | undefined> => {
      const find = () => received.find(({ mail, to }) => to[0] === email && mail.subject === subject)
      await until(() => find() !== undefined)
      return /#token=(\S+)/.exec(String(find()?.mail.text))?.[1]
    }
  }
}

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
  const smtp = await unwillingSmtpServer(t)
  const { child, stderr } = start(t, {
    ...settings,
    LOG_LEVEL: 'trace',
    PORT: '0',
    HASURA_GRAPHQL_ENDPOINT: between,
    TOKEN_SECRET: tokenSecret,
    SMTP_URL: smtp.url,
    MAIL_FROM: 'sender@mail.test',
    APP_URL: 'https://app.test',
    REDIS_URL: 'redis://name:the-password-of-redis@127.0.0.1:1',
    PASSWORD_BLOCKLIST: 'common',
    CLIENT_ADDRESS_HEADER: 'x-client-address'
  })
  const stdout = text(child.stdout)
  const url = await listening(child)

  const secrets = new Set([
    settings.HASURA_GRAPHQL_ADMIN_SECRET, settings.ACTION_SECRET, key, 'the-password-of-someone', 'a-wrong-password',
    'the-password-of-redis', 'a-leaked-hash', 'someone@test.com', 'someone', 'nobody@test.com', 'not-an-email', '192.0.2.77', 'a-forged-secret', 'argon2id',
    tokenSecret, smtpUser, smtpPassword, 'sender@mail.test', '#token='
  ])
  for (const login of [smtpUser, smtpPassword, `\0${smtpUser}\0${smtpPassword}`]) {
    secrets.add(Buffer.from(login).toString('base64'))
  }
  const keep = (...values: unknown[]): void => {
    for (const value of values) {
      t.ok(typeof value === 'string' && value.length >= 6, 'a secret')
      secrets.add(String(value))
    }
  }
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
  // The first mail meets a server that refuses the login.
  await until(() => smtp.logins.length > 0)
  const { token, refresh_token: refreshToken } = await call('login', {
    input, request_query: 'mutation { Login(password: "the-password-of-someone") }'
  })
  keep(hash, token, refreshToken)
  await call('signup', { input })
  await call('login', { input: { ...input, password: 'a-wrong-password' } })

  const leak = '{"data":{"user":[{"password":"a-leaked-hash","email":"someone@test.com"'
  const error = { message: 'a-leaked-hash of someone@test.com', extensions: { code: 'x', internal: 'a-leaked-hash' } }
  const leaks = [
    leak, '<html>a-leaked-hash', '"a-leaked-hash"', `${leak},"id":1,"roles":null}]}}`,
    JSON.stringify({ errors: [{ ...error, message: 'database query error' }] })
  ]
  for (const answer of leaks) {
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

  // Sessions.
  const holder = { email: 'holder@mail.test', password: 'the-first-password-of-holder' }
  keep(...Object.values(holder), 'holder')
  const { id: holderId, password: holderHash } = await call('signup', { input: holder })
  keep(holderHash)
  const login = async (input: object) => {
    const tokens = await call('login', { input })
    keep(tokens['token'], tokens['refresh_token'])
    return tokens
  }
  /** Calls an action in the session of these tokens. */
  const callIn = async (tokens: Record<string, unknown>, action: string, input: object) => call(action, {
    input,
    session_variables: {
      'x-hasura-role': 'user', 'x-hasura-user-id': String(holderId), 'x-hasura-session-id': tokens['session_id']
    }
  }, { authorization: `Bearer ${String(tokens['token'])}` })
  const [first, second, third] = [await login(holder), await login(holder), await login(holder)]
  const old = { refresh_token: first['refresh_token'] }
  /** Moves the first session into the past, where it is no longer in its grace. */
  const age = async () => as('admin', `mutation {
    update_user_session_by_pk(
      pk_columns: { id: "${String(first['session_id'])}" }, _set: { refreshed_at: "2001-01-01T00:00:00Z" }
    ) { id }
  }`)
  await age()
  for (let i = 0; i < 2; i++) {
    const { token, refresh_token: refreshToken } = await call('refresh', { input: old })
    keep(token, refreshToken)
  }
  await age()
  const forged = `${String(third['refresh_token'])}-forged`
  keep(forged)
  const failsWith = (answer: object, code: string) => { t.match(answer, { extensions: { code } }) }
  const succeeds = (answer: object) => { t.match(answer, { ok: true }) }
  failsWith(await call('refresh', { input: old }), 'invalid-refresh-token')
  failsWith(await call('refresh', { input: { refresh_token: forged } }), 'invalid-refresh-token')
  const cookie = { cookie: `__Host-refresh_token=${String(third['refresh_token'])}` }
  failsWith(await call('refresh', { input: {} }, cookie), 'invalid-refresh-token')
  succeeds(await call('logout', { input: { refresh_token: forged } }))
  succeeds(await call('logout', { input: { refresh_token: second['refresh_token'] } }))
  succeeds(await callIn(third, 'revoke-session', { id: second['session_id'] }))
  succeeds(await callIn(third, 'revoke-session', { id: 'the-password-of-someone' }))

  // Passwords and mailed links.
  const newPassword = 'the-second-password-of-holder'
  const resetPassword = 'the-third-password-of-holder'
  const wrong = 'a-wrong-password'
  keep(newPassword, resetPassword)
  const change = { current_password: holder.password, new_password: newPassword }
  failsWith(await callIn(third, 'change-password', { ...change, current_password: wrong }), 'invalid-credentials')
  failsWith(await callIn(third, 'change-password', { ...change, new_password: 'password' }), 'weak-password')
  const fourth = await callIn(third, 'change-password', change)
  keep(fourth['token'], fourth['refresh_token'])
  failsWith(await callIn(third, 'change-password', change), 'not-authenticated')
  const { email } = holder
  succeeds(await callIn(fourth, 'send-verification', {}))
  const verifyToken = await smtp.tokenTo(email, subjects.verify)
  keep(verifyToken)
  failsWith(await callIn(fourth, 'verify-email', { token: forged }), 'invalid-token')
  succeeds(await callIn(fourth, 'verify-email', { token: verifyToken }))
  succeeds(await call('request-password-reset', { input: { email } }))
  const resetToken = await smtp.tokenTo(email, subjects.reset)
  keep(resetToken)
  const reset = { token: resetToken, password: resetPassword }
  failsWith(await call('reset-password', { input: { ...reset, token: `${String(resetToken)}x` } }), 'invalid-token')
  succeeds(await call('reset-password', { input: reset }))
  failsWith(await call('reset-password', { input: reset }), 'invalid-token')

  const fifth = await login({ email, password: resetPassword })
  const fresh = 'new-address@mail.test'
  keep(fresh, 'new-address')
  failsWith(await callIn(fifth, 'change-email', { email: fresh, password: wrong }), 'invalid-credentials')
  for (const email of [fresh, input.email]) succeeds(await callIn(fifth, 'change-email', { email, password: resetPassword }))
  await smtp.tokenTo(input.email, subjects.taken)
  const changeToken = await smtp.tokenTo(fresh, subjects.change)
  keep(changeToken)
  succeeds(await callIn(fifth, 'confirm-email-change', { token: changeToken }))
  await smtp.tokenTo(email, subjects.emailChanged)

  // Lookups that fail, and mails that are refused.
  for (const [i, answer] of leaks.entries()) {
    let isAsked = false
    misbehave = (body, response) => {
      if (!body.includes('UserByEmail')) return false
      isAsked = true
      response.end(answer)
      return true
    }
    keep(`lookup-${i}@mail.test`)
    succeeds(await call('request-password-reset', { input: { email: `lookup-${i}@mail.test` } }))
    await until(() => isAsked)
  }
  misbehave = undefined
  for (const email of ['refused@mail.test', 'later@mail.test']) {
    keep(email)
    const { password: hash } = await call('signup', { input: { email, password: resetPassword } })
    keep(hash)
    succeeds(await call('request-password-reset', { input: { email } }))
    await until(() => smtp.refusals.includes(email))
  }
  const sixth = await login({ email: fresh, password: resetPassword })
  failsWith(await callIn(sixth, 'delete-account', { password: wrong }), 'invalid-credentials')
  succeeds(await callIn(sixth, 'delete-account', { password: resetPassword }))
  await smtp.tokenTo(fresh, subjects.deleted)

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
  t.ok(smtp.logins.every(password => password === smtpPassword))
  const mails = lines.filter(({ msg }) => String(msg).startsWith('a mail '))
  const outcomes = new Set(mails.map(({ msg, reason, code, responseCode, err }) => (
    [msg, reason, err === undefined ? code : 'after a lookup', responseCode].filter(Boolean).join(' ')
  )))
  for (const outcome of [
    'a mail could not be sent and is tried again EAUTH 535',
    'a mail could not be sent and is tried again EENVELOPE 451',
    'a mail could not be sent and is tried again after a lookup',
    'a mail was given up refused EENVELOPE 550',
    'a mail was given up failed EENVELOPE 451'
  ]) t.ok(outcomes.has(outcome), outcome)
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
