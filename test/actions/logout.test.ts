import t from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { service, settings } from '../support/service.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'

const running = await sandbox(t, { env: tokenSecret })
const { asAdmin, ends, login, logout, refresh, signup } = clientsOf(running.hasuraUrl)
const done = { ok: true }

/** A new user with two sessions. */
async function twoSessions (email: string) {
  await signup(email)
  return [tokensOf(t, await login(email)), tokensOf(t, await login(email))] as const
}

t.test('ends the session of the refresh token, and no other', async (t) => {
  const [one, two] = await twoSessions('one@b.test')
  t.strictSame(await logout({ t: one.refresh_token }), done)
  t.strictSame(await ends('one@b.test'), ['logout', null])
  t.equal(await refresh(one.refresh_token), 'invalid-refresh-token')
  t.match(await refresh(two.refresh_token), { token: String })
})

t.test('without a refresh token, ends the session of the access token', async (t) => {
  const [one] = await twoSessions('access@b.test')
  t.strictSame(await logout({}, { token: one.token }), done)
  t.strictSame(await logout({ t: null }, { token: one.token }), done, 'it has ended already')
  t.strictSame(await ends('access@b.test'), ['logout', null])
})

t.test('with everywhere, ends all sessions of the owner', async (t) => {
  const [one] = await twoSessions('everywhere@b.test')
  const [other] = await twoSessions('somebody-else@b.test')
  t.strictSame(await logout({ t: one.refresh_token, e: true }), done)
  t.strictSame(await ends('everywhere@b.test'), ['logout', 'logout'])
  t.strictSame(await logout({ e: true }, { token: other.token }), done)
  t.strictSame(await ends('somebody-else@b.test'), ['logout', 'logout'])
})

t.test('everywhere needs a session that is alive', async (t) => {
  const [one] = await twoSessions('ended@b.test')
  await logout({ t: one.refresh_token })
  t.strictSame(await logout({ t: one.refresh_token, e: true }), done)
  t.strictSame(await logout({ e: true }, { token: one.token }), done)
  t.strictSame(await ends('ended@b.test'), ['logout', null])
})

t.test('a malformed or forged token, or none, gets the same answer and ends nothing', async (t) => {
  const [one] = await twoSessions('forged@b.test')
  const forged = `${one.refresh_token.slice(0, -1)}${one.refresh_token.endsWith('A') ? 'B' : 'A'}`
  for (const text of [undefined, null, '', 'x', forged]) t.strictSame(await logout({ t: text, e: true }), done)
  t.strictSame(await logout({ t: '' }, { token: one.token }), done, 'a token that is given counts, even if it is not valid')
  t.strictSame(await ends('forged@b.test'), [null, null])
})

t.test('session variables count only if they prove who calls, and name a session of that user', async (t) => {
  const [one] = await twoSessions('variables@b.test')
  const { data } = await asAdmin('{ user(where: { email: { _eq: "variables@b.test" } }) { id } }')
  const [{ id } = { id: 0 }] = data?.['user'] as Array<{ id: number }>
  const variables = { 'x-hasura-role': 'user', 'x-hasura-user-id': String(id), 'x-hasura-session-id': one.session_id }
  const { call, fastify } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl })
  const send = async (session_variables: object) => (await fastify.inject({
    method: 'POST',
    url: '/logout',
    headers: { 'x-hasura-action-secret': settings.ACTION_SECRET },
    payload: { input: { everywhere: true }, session_variables }
  })).json<unknown>()
  for (const forged of [
    { ...variables, 'x-hasura-role': 'anonymous' }, { ...variables, 'x-hasura-user-id': String(id + 1) },
    { ...variables, 'x-hasura-user-id': 'x' }, { ...variables, 'x-hasura-session-id': 'x' }, {}
  ]) t.strictSame(await send(forged), done)
  const open = await service(t, { ...tokenSecret, ACTION_SECRET: '', HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl })
  t.match(await open.inject({ url: '/logout', payload: { input: {}, session_variables: variables } }), { body: done })
  t.strictSame(await ends('variables@b.test'), [null, null])
  // The admin secret may name any user. The session must still be that user's.
  t.strictSame(await send({ ...variables, 'x-hasura-role': 'admin', 'x-hasura-user-id': String(id + 1) }), done)
  t.strictSame(await ends('variables@b.test'), [null, null])
  t.strictSame(await send(variables), done)
  t.strictSame(await ends('variables@b.test'), ['logout', 'logout'])
  t.strictSame((await call('/logout', {})).body, done)
})

t.test('an outage of Hasura is an error, since nothing was ended', async (t) => {
  const [one] = await twoSessions('outage@b.test')
  const { call } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1:1' })
  t.match(await call('/logout', { refresh_token: one.refresh_token }), { status: 502 })
})
