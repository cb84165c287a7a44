import t from 'tap'
import { failure, hasuraOf, service } from '../support/service.ts'
import { tokenSecret } from '../support/sessions.ts'

const id = '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6'
const signedIn = { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
const input = { id: 'x' }
const refused = { status: 401, body: failure('not-authenticated', 'This action needs a session: log in first') }

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
    const { status, body } = await inject({ url: '/revoke-session', payload: { input, session_variables } })
    t.strictSame({ status, body }, refused, JSON.stringify(session_variables))
  }
  t.strictSame(asked, [])
})

t.test('without ACTION_SECRET anybody can send session variables, so they count for nothing', async (t) => {
  const { url, asked } = await hasuraOf(t, {})
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url, ACTION_SECRET: '' })
  const { status, body } = await inject({ url: '/revoke-session', payload: { input, session_variables: signedIn } })
  t.strictSame({ status, body }, refused)
  t.strictSame(asked, [])
})

t.test('the role that counts as nobody is the one that Hasura uses', async (t) => {
  const { url } = await hasuraOf(t, { FindUser: { data: { user: [{ id: 7 }] } } })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url, HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'public' })
  for (const [role, status] of [['public', 401], ['anonymous', 200], ['user', 200]] as const) {
    const session_variables = { ...signedIn, 'x-hasura-role': role }
    t.match(await inject({ url: '/revoke-session', payload: { input, session_variables } }), { status }, role)
  }
})

t.test('a caller is looked up with the session of the token, which must be alive', async (t) => {
  const { url, asked } = await hasuraOf(t, { FindUser: { data: { user: [] } } })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const alive = {
    ended_at: { _is_null: true },
    idle_expires_at: { _gt: String },
    expires_at: { _gt: String },
    user: { disabled_at: { _is_null: true } }
  }
  const table: Array<[object, object]> = [
    [signedIn, { id: { _eq: 7 } }],
    [{ ...signedIn, 'x-hasura-role': 'admin', 'x-hasura-user-id': '2147483647' }, { id: { _eq: 2_147_483_647 } }],
    [{ ...signedIn, 'x-hasura-session-id': id }, { id: { _eq: 7 }, sessions: { id: { _eq: id }, ...alive } }]
  ]
  for (const [session_variables, caller] of table) {
    const { status, body } = await inject({ url: '/revoke-session', payload: { input, session_variables } })
    t.strictSame({ status, body }, refused)
    t.match(asked.at(-1), { operation: 'FindUser', variables: { where: caller } })
    const sent = asked.at(-1)?.variables['where']
    t.strictSame(Object.keys(sent as object), Object.keys(caller))
  }
})
