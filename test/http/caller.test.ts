import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { failure, hasuraOf, service } from '../support/service.ts'
import { tokenSecret } from '../support/sessions.ts'

const id = '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6'
const signedIn = { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
const input = { id: 'x' }
const password = 'a-password'
/** Every action that needs a session, with an input that its schema accepts. */
const actions: Record<string, object> = {
  RevokeSession: input,
  ChangePassword: { current_password: password, new_password: 'another-password' },
  SendVerification: {},
  VerifyEmail: { token: 'x' },
  ChangeEmail: { email: 'new@b.test', password },
  ConfirmEmailChange: { token: 'x' },
  DeleteAccount: { password }
}
const calls = Object.entries(actions).map(([name, input]) => (
  { url: name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`).replace('-', '/'), input }
))
const mail = { SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'app@b.test', APP_URL: 'https://app.b.test' }
const refused = { status: 401, body: failure('not-authenticated', 'This action needs a session: log in first') }

t.test('the list above has every action that Hasura offers only to roles that sign in', async (t) => {
  const metadata = parse(readFileSync('hasura/metadata/actions.yaml', 'utf8')) as {
    actions: Array<{ name: string, permissions: Array<{ role: string }> }>
  }
  const needSession = metadata.actions.filter(({ permissions }) => !permissions.some(({ role }) => role === 'anonymous'))
  t.strictSame(needSession.map(({ name }) => name), Object.keys(actions))
})

t.test('session variables that prove nothing are refused without a call to Hasura', async (t) => {
  const { url, asked } = await hasuraOf(t, {})
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const ids = ['', '0', '-1', '+1', '01', ' 7', '7 ', '7.0', '7e0', '0x7', '٧', '2147483648', '99999999999', 'x', id, 7, null, ['7'], {}, true]
  const table: unknown[] = [
    undefined, null, 'text', 7, [], {},
    { ...signedIn, 'x-hasura-role': 'anonymous' }, { 'x-hasura-role': 'user' }, { 'x-hasura-user-id': '7' },
    ...[7, null, ['user']].map(role => ({ ...signedIn, 'x-hasura-role': role })),
    ...ids.map(userId => ({ ...signedIn, 'x-hasura-user-id': userId })),
    ...['', 'x', `${id}0`, `{${id}}`, id.replaceAll('-', ''), 7, null, [id]].map(sessionId => ({ ...signedIn, 'x-hasura-session-id': sessionId }))
  ]
  for (const session_variables of table) {
    for (const { url, input } of calls) {
      const { status, body } = await inject({ url, payload: { input, session_variables } })
      t.strictSame({ status, body }, refused, `${url} ${JSON.stringify(session_variables)}`)
    }
  }
  t.strictSame(asked, [])
})

t.test('a missing or wrong action secret is access-denied, whatever the session variables say', async (t) => {
  const { url: hasura, asked } = await hasuraOf(t, {})
  const { fastify } = await service(t, { ...tokenSecret, ...mail, HASURA_GRAPHQL_ENDPOINT: hasura })
  const denied = failure('access-denied', 'The x-hasura-action-secret header is missing or wrong')
  for (const { url, input } of calls) {
    for (const headers of [{}, { 'x-hasura-action-secret': 'wrong' }]) {
      const payload = { input, session_variables: signedIn }
      const response = await fastify.inject({ method: 'POST', url, headers, payload })
      t.strictSame([response.statusCode, response.json()], [401, denied], url)
    }
  }
  t.strictSame(asked, [])
})

t.test('a caller who is deleted, or whose session has ended, is not authenticated', async (t) => {
  const { url: hasura } = await hasuraOf(t, {
    FindUser: { data: { user: [] } }, EndSessions: { data: { update_user_session: { affected_rows: 0 } } }
  })
  const { inject, log } = await service(t, { ...tokenSecret, ...mail, HASURA_GRAPHQL_ENDPOINT: hasura })
  const table: Array<[action: string, expected: object]> = [
    ['/revoke-session', refused], ['/change-password', refused], ['/change-email', refused], ['/delete-account', refused],
    // These answer before they look anybody up, or once they know that the token is the caller's own.
    ['/send-verification', { status: 200, body: { ok: true } }],
    ['/verify-email', { status: 400, body: { extensions: { code: 'invalid-token' } } }],
    ['/confirm-email-change', { status: 400, body: { extensions: { code: 'invalid-token' } } }]
  ]
  t.equal(table.length, calls.length)
  for (const [action, expected] of table) {
    const input = calls.find(({ url }) => url === action)?.input
    for (const session_variables of [signedIn, { ...signedIn, 'x-hasura-role': 'admin' }, { ...signedIn, 'x-hasura-session-id': id }]) {
      t.match(await inject({ url: action, payload: { input, session_variables } }), expected, action)
      t.match(log().findLast(({ msg }) => msg === 'request'), { userId: 7, event: action.slice(1) }, 'the log says who called')
    }
  }
})

t.test('without ACTION_SECRET anybody can send session variables, so they count for nothing', async (t) => {
  const { url: hasura, asked } = await hasuraOf(t, {})
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: hasura, ACTION_SECRET: '' })
  for (const { url, input } of calls) {
    const { status, body } = await inject({ url, payload: { input, session_variables: signedIn } })
    t.strictSame({ status, body }, refused, url)
  }
  t.strictSame(asked, [])
})

t.test('session variables of Hasura\'s unauthorized role are not those of a signed-in user', async (t) => {
  const { url } = await hasuraOf(t, { FindUser: { data: { user: [{ id: 7 }] } } })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url, HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'public' })
  for (const [role, status] of [['public', 401], ['anonymous', 200], ['user', 200]] as const) {
    const session_variables = { ...signedIn, 'x-hasura-role': role }
    t.match(await inject({ url: '/revoke-session', payload: { input, session_variables } }), { status }, role)
  }
})

t.test('a caller who is not disabled is looked up, with the session of the token, which must be alive', async (t) => {
  const { url, asked } = await hasuraOf(t, { FindUser: { data: { user: [] } } })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const alive = {
    ended_at: { _is_null: true },
    idle_expires_at: { _gt: String },
    expires_at: { _gt: String },
    user: { disabled_at: { _is_null: true } }
  }
  const table: Array<[object, object]> = [
    [signedIn, { id: { _eq: 7 }, disabled_at: { _is_null: true } }],
    [{ ...signedIn, 'x-hasura-role': 'admin', 'x-hasura-user-id': '2147483647' },
      { id: { _eq: 2_147_483_647 }, disabled_at: { _is_null: true } }],
    [{ ...signedIn, 'x-hasura-session-id': id },
      { id: { _eq: 7 }, disabled_at: { _is_null: true }, sessions: { id: { _eq: id }, ...alive } }]
  ]
  for (const [session_variables, caller] of table) {
    const { status, body } = await inject({ url: '/revoke-session', payload: { input, session_variables } })
    t.strictSame({ status, body }, refused)
    t.match(asked.at(-1), { operation: 'FindUser', variables: { where: caller } })
    const sent = asked.at(-1)?.variables['where']
    t.strictSame(Object.keys(sent as object), Object.keys(caller))
  }
})
