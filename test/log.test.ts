import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { listening, start } from './process.ts'
import { sandbox } from './sandbox.ts'
import { settings } from './service.ts'

const key = 'a-key-of-at-least-thirty-two-bytes'

t.test('whatever happens, what the process prints holds no password, hash, token, secret or email', async (t) => {
  const { hasuraUrl, as } = await sandbox(t)
  const { child, stderr } = start(t, {
    ...settings,
    LOG_LEVEL: 'trace',
    PORT: '0',
    HASURA_GRAPHQL_ENDPOINT: hasuraUrl,
    PASSWORD_BLOCKLIST: 'common',
    CLIENT_ADDRESS_HEADER: 'x-client-address'
  })
  const stdout = text(child.stdout)
  const url = await listening(child)

  const secrets = new Set([
    settings.HASURA_GRAPHQL_ADMIN_SECRET, settings.ACTION_SECRET, key, 'the-password-of-someone', 'a-wrong-password',
    'someone@test.com', 'someone', 'nobody@test.com', 'not-an-email', '192.0.2.77', 'a-forged-secret', 'argon2id'
  ])
  const call = async (action: string, body: string | object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/${action}?password=the-password-of-someone`, {
      method: 'POST',
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
  t.equal(new Set(attempts.map(({ reqId }) => reqId)).size, attempts.length)
})
