import t from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { service } from '../support/service.ts'
import { clientsOf, password, tokenSecret } from '../support/sessions.ts'

const running = await sandbox(t, { env: { ...tokenSecret, REFRESH_COOKIE: 'on' } })
const { age, asAdmin, ends, signup } = clientsOf(running.hasuraUrl)
const fields = '{ token expires_in refresh_token session_id }'
const ttl = 2_592_000

interface Tokens { token: string, expires_in: number, refresh_token: string | null, session_id: string }
interface Answer { data?: Record<string, unknown>, errors?: Array<{ extensions: { code: string } }> }
interface Options { variables?: object, cookie?: string | undefined, token?: string }

/** Sends a mutation as a browser does. Returns its data, the code of its error, and the cookie that it sets. */
async function send (mutation: string, { variables, cookie, token }: Options = {}) {
  const response = await fetch(`${running.hasuraUrl}/v1/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(cookie !== undefined && { cookie }),
      ...(token !== undefined && { authorization: `Bearer ${token}` })
    },
    body: JSON.stringify({ query: mutation, variables })
  })
  const { data, errors } = await response.json() as Answer
  const [setCookie, ...others] = response.headers.getSetCookie()
  t.strictSame(others, [])
  return { data: Object.values(data ?? {})[0], code: errors?.[0]?.extensions.code, setCookie }
}

/** The value of the cookie, once its attributes are the right ones. */
function refreshTokenIn (setCookie: string | undefined): string {
  const [, value = '', maxAge] = /^__Host-refresh_token=([\w-]{76}); HttpOnly; Secure; SameSite=Strict; Path=\/; Max-Age=(\d+)$/
    .exec(String(setCookie)) ?? []
  t.not(value, '', String(setCookie))
  t.ok(Number(maxAge) <= ttl && Number(maxAge) > ttl - 3600, 'until the absolute expiry of the session')
  return value
}

async function login (email: string) {
  const { data, setCookie } = await send(`mutation ($e: String!, $p: String!) { Login(email: $e, password: $p) ${fields} }`, {
    variables: { e: email, p: password }
  })
  return { ...data as Tokens, cookie: refreshTokenIn(setCookie) }
}

const refreshWith = async (cookie: string | undefined, argument?: string | null) => send(
  `mutation ($t: String) { Refresh(refresh_token: $t) ${fields} }`, { variables: { t: argument }, cookie }
)
const logoutWith = async (options: Options) => (
  send('mutation ($t: String, $e: Boolean) { Logout(refresh_token: $t, everywhere: $e) { ok } }', options)
)
const cleared = '__Host-refresh_token=; HttpOnly; Secure; SameSite=Strict; Path=/; Max-Age=0'

t.test('Login puts the refresh token into the cookie only', async (t) => {
  await signup('login@b.test')
  const { token, refresh_token: inBody, expires_in: expiresIn, session_id: id } = await login('login@b.test')
  t.match({ token, expiresIn, id }, { token: String, expiresIn: 900, id: /^[\da-f-]{36}$/ })
  t.equal(inBody, null)
})

t.test('a login that fails sets no cookie', async (t) => {
  await signup('wrong@b.test')
  const { code, setCookie } = await send('mutation ($e: String!) { Login(email: $e, password: "wrong-password") { token } }', {
    variables: { e: 'wrong@b.test' }
  })
  t.strictSame([code, setCookie], ['invalid-credentials', undefined])
})

t.test('Refresh reads the cookie among others if the argument is absent or null', async (t) => {
  await signup('read@b.test')
  const { cookie: first, session_id: id } = await login('read@b.test')
  let current = first
  const table: Array<(cookie: string) => string> = [
    cookie => cookie,
    cookie => `a=b; ${cookie}`,
    cookie => `${cookie}; a=b`,
    cookie => `a=b;${cookie};c=d`,
    cookie => `x__Host-refresh_token=no; __Host-refresh_tokens=no; a="${'x'.repeat(76)}"; ${cookie}; c`
  ]
  for (const wrap of table) {
    for (const argument of [undefined, null]) {
      await age(id, 61)
      const { data, setCookie } = await refreshWith(wrap(`__Host-refresh_token=${current}`), argument)
      t.match(data, { token: String, refresh_token: null, session_id: id })
      const next = refreshTokenIn(setCookie)
      t.not(next, current)
      current = next
    }
  }
  t.strictSame(await ends('read@b.test'), [null])
})

t.test('Refresh with the current token, a moment after it was issued, sets no cookie', async (t) => {
  await signup('keep@b.test')
  const { cookie, session_id: id } = await login('keep@b.test')
  const { data, setCookie } = await refreshWith(`__Host-refresh_token=${cookie}`)
  t.match(data, { token: String, refresh_token: null, session_id: id })
  t.equal(setCookie, undefined)
})

t.test('the argument wins over the cookie', async (t) => {
  await signup('wins@b.test')
  const [one, two] = [await login('wins@b.test'), await login('wins@b.test')]
  const { data } = await refreshWith(`__Host-refresh_token=${one.cookie}`, two.cookie)
  t.match(data, { session_id: two.session_id })
  for (const argument of ['', 'x']) {
    const { code, setCookie } = await refreshWith(`__Host-refresh_token=${one.cookie}`, argument)
    t.strictSame([code, setCookie], ['invalid-refresh-token', undefined])
  }
  await logoutWith({ cookie: `__Host-refresh_token=${one.cookie}`, variables: { t: two.cookie } })
  t.strictSame(await ends('wins@b.test'), [null, 'logout'])
})

t.test('without the cookie, or with another value in it, a refresh is refused', async (t) => {
  for (const cookie of [undefined, 'a=b', '__Host-refresh_token=', '__Host-refresh_token', `refresh_token=${'A'.repeat(76)}`,
    `__Host-refresh_token=${'A'.repeat(76)}`, '__Host-refresh_token="x"']) {
    const { code, setCookie } = await refreshWith(cookie)
    t.strictSame([code, setCookie], ['invalid-refresh-token', undefined], String(cookie))
  }
})

t.test('Logout ends the session of the cookie, and always clears the cookie', async (t) => {
  await signup('logout@b.test')
  const sessions = [await login('logout@b.test'), await login('logout@b.test'), await login('logout@b.test')]
  const [one, two] = sessions.map(({ cookie }) => `a=b; __Host-refresh_token=${cookie}`)
  t.match(await logoutWith({ cookie: one }), { data: { ok: true }, setCookie: cleared })
  t.strictSame(await ends('logout@b.test'), ['logout', null, null])
  for (const cookie of [undefined, one, '__Host-refresh_token=x']) {
    t.match(await logoutWith({ cookie, variables: { t: null } }), { data: { ok: true }, setCookie: cleared })
  }
  t.match(await logoutWith({ cookie: two, variables: { e: true } }), { data: { ok: true }, setCookie: cleared })
  t.strictSame(await ends('logout@b.test'), ['logout', 'logout', 'logout'])
})

t.test('ChangePassword sets the cookie of the new session', async (t) => {
  await signup('change@b.test')
  const { token } = await login('change@b.test')
  const mutation = `mutation ($c: String!) { ChangePassword(current_password: $c, new_password: "another-password") ${fields} }`
  const wrong = await send(mutation, { variables: { c: 'wrong-password' }, token })
  t.strictSame([wrong.code, wrong.setCookie], ['invalid-credentials', undefined])
  const { data, setCookie } = await send(mutation, { variables: { c: password }, token })
  t.match(data, { token: String, refresh_token: null })
  t.match(await refreshWith(`__Host-refresh_token=${refreshTokenIn(setCookie)}`), { data: { session_id: (data as Tokens).session_id } })
  t.match(await asAdmin('{ user_session(where: { ended_because: { _eq: "password-changed" } }) { ended_because } }'), {
    data: { user_session: [{ ended_because: 'password-changed' }] }
  })
})

t.test('with REFRESH_COOKIE=off, a cookie from before is not read', async (t) => {
  await signup('off@b.test')
  const { cookie } = await login('off@b.test')
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl })
  const headers = { cookie: `__Host-refresh_token=${cookie}` }
  t.match(await inject({ url: '/refresh', headers, payload: { input: {} } }), {
    status: 401, body: { extensions: { code: 'invalid-refresh-token' } }
  })
  t.match(await inject({ url: '/logout', headers, payload: { input: {} } }), { status: 200 })
  t.strictSame(await ends('off@b.test'), [null])
})
