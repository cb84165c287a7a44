import { decodeJwt } from 'jose'
import t from 'tap'
import { failure } from '../support/service.ts'
import { sandbox } from '../support/sandbox.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'

const running = await sandbox(t, { env: tokenSecret })
const { asAdmin, age, ends, graphql, login, refresh, signup } = clientsOf(running.hasuraUrl)

t.test('a login starts a session, and answers with an access token that names it', async (t) => {
  await signup('login@b.test')
  const { token, expires_in: expiresIn, refresh_token: refreshToken, session_id: id } = tokensOf(t, await login('login@b.test', {
    headers: { 'user-agent': `A browser ${'x'.repeat(300)}` }
  }))
  const { exp = 0, iat = 0, 'https://hasura.io/jwt/claims': claims } = decodeJwt<Record<string, object>>(token)
  t.match(claims, { 'x-hasura-session-id': id })
  t.strictSame([exp - iat, expiresIn], [900, 900])
  t.match(refreshToken, /^[\w-]{76}$/)
  t.match(await graphql('{ user_session { id ended_at user_agent } user { last_login_at } }', {}, { token }), {
    data: {
      user_session: [{ id, ended_at: null, user_agent: `A browser ${'x'.repeat(190)}` }],
      user: [{ last_login_at: String }]
    }
  })
})

t.test('after the grace a refresh moves the session on; within it, it gives the same token again', async (t) => {
  await signup('grace@b.test')
  const first = tokensOf(t, await login('grace@b.test'))
  t.match(await refresh(first.refresh_token), { refresh_token: null, session_id: first.session_id }, 'the current token: the client keeps it')
  await age(first.session_id, 61)
  const second = tokensOf(t, await refresh(first.refresh_token))
  t.not(second.refresh_token, first.refresh_token)
  t.equal(second.session_id, first.session_id)
  t.equal(tokensOf(t, await refresh(first.refresh_token)).refresh_token, second.refresh_token, 'a lost answer, again')
  t.match(await refresh(second.refresh_token), { refresh_token: null })
  await age(first.session_id, 61)
  t.match(await refresh(second.refresh_token), { refresh_token: /^[\w-]{76}$/ })
})

t.test('an old token ends the session, and so does the previous one after the grace', async (t) => {
  for (const [email, generations] of [['old@b.test', 2], ['previous@b.test', 1]] as const) {
    await signup(email)
    const stolen = tokensOf(t, await login(email))
    let { refresh_token: current } = stolen
    for (let i = 0; i < generations; i++) {
      await age(stolen.session_id, 61)
      current = tokensOf(t, await refresh(current)).refresh_token
    }
    if (generations === 1) await age(stolen.session_id, 61)
    t.equal(await refresh(stolen.refresh_token), 'invalid-refresh-token')
    t.equal(await refresh(current), 'invalid-refresh-token', 'the owner notices')
    t.strictSame(await ends(email), ['reuse'])
  }
})

t.test('roles are read from the database again', async (t) => {
  await signup('roles@b.test')
  const first = tokensOf(t, await login('roles@b.test'))
  await asAdmin('mutation { update_user(where: { email: { _eq: "roles@b.test" } }, _set: { default_role: "admin" }) { affected_rows } }')
  await age(first.session_id, 61)
  const { token } = tokensOf(t, await refresh(first.refresh_token))
  t.match(decodeJwt<Record<string, object>>(token)['https://hasura.io/jwt/claims'], { 'x-hasura-default-role': 'admin' })
})

t.test('malformed and forged tokens get one answer, and end no session', async (t) => {
  await signup('forged@b.test')
  const { refresh_token: token } = tokensOf(t, await login('forged@b.test'))
  const expected = { errors: [failure('invalid-refresh-token', 'The refresh token is invalid: log in again')] }
  const forged = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
  for (const text of [undefined, null, '', 'x', `${token}=`, ` ${token}`, token.toUpperCase(), token.repeat(2), forged]) {
    t.strictSame(await graphql('mutation ($t: String) { Refresh(refresh_token: $t) { token } }', { t: text }), expected, String(text))
  }
  t.strictSame(await ends('forged@b.test'), [null])
})

t.test('a session that is expired, idle, ended, or whose user is disabled or deleted is not refreshed', async (t) => {
  const past = new Date(Date.now() - 1000).toISOString()
  const table: Array<[string, string]> = [
    ['expired', `update_user_session(where: {}, _set: { expires_at: "${past}" }) { affected_rows }`],
    ['idle', `update_user_session(where: {}, _set: { idle_expires_at: "${past}" }) { affected_rows }`],
    ['ended', `update_user_session(where: {}, _set: { ended_at: "${past}" }) { affected_rows }`],
    ['disabled', `update_user(where: { email: { _eq: "disabled@b.test" } }, _set: { disabled_at: "${past}" }) { affected_rows }`],
    ['deleted', 'delete_user(where: { email: { _eq: "deleted@b.test" } }) { affected_rows }']
  ]
  for (const [name, mutation] of table) {
    for (const seconds of [0, 61]) {
      await signup(`${name}@b.test`)
      const answer = await login(`${name}@b.test`)
      if (name === 'disabled' && seconds > 0) {
        t.equal(answer, 'invalid-credentials')
        continue
      }
      const { refresh_token: token, session_id: id } = tokensOf(t, answer)
      await age(id, seconds)
      t.notMatch(await asAdmin(`mutation { ${mutation.replace('where: {}', `where: { id: { _eq: "${id}" } }`)} }`), { errors: [] })
      t.equal(await refresh(token), 'invalid-refresh-token', `${name}, ${seconds} s`)
    }
  }
  t.strictSame(await ends('disabled@b.test'), ['disabled'])
})
