import { setImmediate } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import type { Environment } from '../../src/config.ts'
import { sandbox } from '../support/sandbox.ts'
import { failure, hasuraOf, service } from '../support/service.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

const running = await sandbox(t, { env: tokenSecret })
const { age, asAdmin, changePassword, ends, graphql, login, logout, refresh, signup } = clientsOf(running.hasuraUrl)

t.test('stores the new password, ends all sessions, and answers with a new one', async (t) => {
  await signup('change@b.test')
  const [one, two] = [tokensOf(t, await login('change@b.test')), tokensOf(t, await login('change@b.test'))]
  const fresh = tokensOf(t, await changePassword(password, 'another-password', { token: one.token }))
  t.strictSame(await ends('change@b.test'), ['password-changed', 'password-changed', null])
  for (const { refresh_token: token } of [one, two]) t.equal(await refresh(token), 'invalid-refresh-token')
  await age(fresh.session_id, 61)
  t.match(await refresh(fresh.refresh_token), { refresh_token: String })
  t.equal(await login('change@b.test'), 'invalid-credentials')
  t.match(await login('change@b.test', { password: 'another-password' }), { token: String })
})

t.test('verifies the current password under the limits of a login', async (t) => {
  await signup('limits@b.test')
  const { token } = tokensOf(t, await login('limits@b.test'))
  for (let i = 0; i < 10; i++) t.equal(await changePassword('wrong-password', 'another-password', { token }), 'invalid-credentials')
  t.equal(await changePassword(password, 'another-password', { token }), 'rate-limited')
  t.equal(await login('limits@b.test'), 'rate-limited')
  t.strictSame(await ends('limits@b.test'), [null])
})

t.test('checks both passwords as a login and a sign-up do', async (t) => {
  await signup('policy@b.test')
  const { token } = tokensOf(t, await login('policy@b.test'))
  const mutation = 'mutation ($c: String!, $n: String!) { ChangePassword(current_password: $c, new_password: $n) { token } }'
  const table: Array<[string, string, string, string]> = [
    [password, 'short', 'weak-password', 'The password must have at least 8 characters'],
    [password, 'x'.repeat(257), 'weak-password', 'The password must have at most 256 characters'],
    ['x'.repeat(257), 'another-password', 'validation-failed', 'input.current_password must have at most 256 characters']
  ]
  for (const [current, fresh, code, message] of table) {
    t.strictSame(await graphql(mutation, { c: current, n: fresh }, { token }), { errors: [failure(code, message)] })
  }
  const { inject } = await service(t, tokenSecret)
  const payload = {
    input: { current_password: '\ud800', new_password: 'another-password' },
    session_variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
  }
  t.match(await inject({ url: '/change-password', payload }), {
    status: 400, body: failure('validation-failed', 'input.current_password must be well-formed Unicode')
  })
})

t.test('needs a session that is alive', async (t) => {
  await signup('dead@b.test')
  const one = tokensOf(t, await login('dead@b.test'))
  await logout({ t: one.refresh_token })
  t.equal(await changePassword(password, 'another-password', { token: one.token }), 'not-authenticated')
  t.match(await login('dead@b.test'), { token: String })
})

t.test('a user who is disabled is not authenticated', async (t) => {
  await signup('disabled@b.test')
  const one = tokensOf(t, await login('disabled@b.test'))
  await asAdmin(`mutation { update_user(where: { email: { _eq: "disabled@b.test" } }, _set: { disabled_at: "2026-01-01T00:00:00Z" }) { affected_rows } }`)
  t.equal(await changePassword(password, 'another-password', { token: one.token }), 'not-authenticated')
})

t.test('without TOKEN_SECRET, answers with only an access token', async (t) => {
  await signup('stateless@b.test')
  const { data } = await asAdmin('{ user(where: { email: { _eq: "stateless@b.test" } }) { id } }')
  const [{ id } = { id: 0 }] = data?.['user'] as Array<{ id: number }>
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl })
  const change = async (current: string) => inject({
    url: '/change-password',
    payload: {
      input: { current_password: current, new_password: 'another-password' },
      session_variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': String(id) }
    }
  })
  const { status, body } = await change(password)
  t.strictSame([status, Object.keys(body as object)], [200, ['token']])
  t.match(await change(password), { status: 401, body: failure('invalid-credentials', 'Invalid credentials') })
  t.match(await change('another-password'), { status: 200 })
})

t.test('actions that need sessions are not configured without TOKEN_SECRET', async (t) => {
  const { inject } = await service(t)
  const session_variables = { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
  for (const [url, input] of [['/refresh', {}], ['/logout', {}], ['/revoke-session', { id: 'x' }]] as const) {
    const { status, body } = await inject({ url, payload: { input, session_variables } })
    t.strictSame([status, body], [400, failure('not-configured', 'There are no sessions: set TOKEN_SECRET')])
  }
})

/** Calls the webhook as Hasura does for user 7, whose row is `row`. The update answers with `update`. */
async function changeOf (t: Test, env: Environment, row: object, update: object) {
  const user = { id: 7, email: 'a@b.test', default_role: 'user', disabled_at: null, roles: [], ...row }
  const { url, asked } = await hasuraOf(t, {
    FindUser: { data: { user: [user] } }, ChangePassword: update, ReplacePassword: update
  })
  const { inject, log } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
  const { status, body } = await inject({
    url: '/change-password',
    payload: {
      input: { current_password: password, new_password: 'another-password' },
      session_variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
    }
  })
  await setImmediate() // The service logs an unreadable hash after its answer.
  return { status, body, operations: asked.map(({ operation }) => operation), log: log() }
}

const updated = (affected: number) => ({ data: { update_user: { affected_rows: affected } } })
const invalid = { status: 401, body: failure('invalid-credentials', 'Invalid credentials') }

t.test('if the user keeps changing, the second attempt is the last', async (t) => {
  const stored = await storedHash()
  const isDeleted = { errors: [{
    message: 'Foreign key violation. insert or update on table "user_session" violates foreign key constraint "user_session_user_id_fkey"',
    extensions: { code: 'constraint-violation', path: '$' }
  }] }
  for (const update of [updated(0), { data: { update_user: null } }, isDeleted]) {
    for (const [env, operation] of [[tokenSecret, 'ChangePassword'], [{}, 'ReplacePassword']] as const) {
      const { status, body, operations } = await changeOf(t, env, { password: stored }, update)
      t.strictSame({ status, body }, invalid)
      t.strictSame(operations, ['FindUser', operation, 'FindUser', operation])
    }
  }
})

t.test('an unreadable stored hash counts as a wrong password, and the log has the reason', async (t) => {
  const { status, body, operations, log } = await changeOf(t, tokenSecret, { password: 'legacy' }, updated(1))
  t.strictSame({ status, body }, invalid)
  t.strictSame(operations, ['FindUser'])
  t.match(log.filter(({ level }) => level === 50), [{
    msg: 'the stored password hash cannot be read', userId: 7, err: { message: 'the hash has an unknown form or too high a cost' }
  }])
  t.notMatch(JSON.stringify(log), 'legacy')
})

t.test('if no token can be made, the password stays', async (t) => {
  const row = { id: 2 ** 53, password: await storedHash() }
  for (const env of [tokenSecret, {}]) {
    const { status, operations } = await changeOf(t, env, row, updated(1))
    t.strictSame([status, operations], [500, ['FindUser']])
  }
})

async function storedHash (): Promise<string> {
  return hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
}
