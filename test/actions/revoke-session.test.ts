import t from 'tap'
import { sandbox } from '../support/sandbox.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'

const running = await sandbox(t, { env: tokenSecret })
const { asAdmin, ends, login, logout, revoke, signup, graphql } = clientsOf(running.hasuraUrl)
const done = { ok: true }

t.test('ends any session of the caller, including the current one', async (t) => {
  await signup('own@b.test')
  const [one, two] = [tokensOf(t, await login('own@b.test')), tokensOf(t, await login('own@b.test'))]
  t.strictSame(await revoke(two.session_id, { token: one.token }), done)
  t.strictSame(await ends('own@b.test'), [null, 'revoked'])
  t.strictSame(await revoke(two.session_id, { token: one.token }), done, 'it has ended already')
  t.strictSame(await revoke(one.session_id, { token: one.token }), done)
  t.equal(await revoke(one.session_id, { token: one.token }), 'not-authenticated', 'the caller is logged out now')
  t.strictSame(await ends('own@b.test'), ['revoked', 'revoked'])
})

t.test('the session of another user gets the same answer as an unknown or malformed id', async (t) => {
  await signup('victim@b.test')
  await signup('attacker@b.test')
  const victim = tokensOf(t, await login('victim@b.test'))
  const { token } = tokensOf(t, await login('attacker@b.test'))
  for (const id of [
    victim.session_id, '00000000-0000-4000-8000-000000000000', '', 'x', `${victim.session_id}0`, `{${victim.session_id}}`
  ]) t.strictSame(await revoke(id, { token }), done, id)
  t.strictSame(await ends('victim@b.test'), [null])
})

t.test('needs a session that is alive', async (t) => {
  await signup('dead@b.test')
  const one = tokensOf(t, await login('dead@b.test'))
  await logout({ t: one.refresh_token })
  for (const id of [one.session_id, 'x']) t.equal(await revoke(id, { token: one.token }), 'not-authenticated')
  t.match(await graphql('mutation { RevokeSession(id: "x") { ok } }', {}), {
    errors: [{ message: /^field 'RevokeSession' not found in type: 'mutation_root'$/ }]
  }, 'Hasura offers it to nobody who is not logged in')
})

t.test('users list their own sessions, without the generation', async (t) => {
  await signup('list@b.test')
  const one = tokensOf(t, await login('list@b.test'))
  const { data } = await graphql('{ user_session { id ended_at ended_because } }', {}, { token: one.token })
  t.strictSame(data, { user_session: [{ id: one.session_id, ended_at: null, ended_because: null }] })
  t.match(await graphql('{ user_session { generation } }', {}, { token: one.token }), {
    errors: [{ message: 'field \'generation\' not found in type: \'user_session\'' }]
  })
  t.match(await graphql('{ user_session { id } }', {}), { errors: [{}] }, 'anonymous callers see none')
})

t.test('an administrator ends any session by the table', async (t) => {
  await signup('admin-ends@b.test')
  const one = tokensOf(t, await login('admin-ends@b.test'))
  await asAdmin(`mutation { update_user_session_by_pk(pk_columns: { id: "${one.session_id}" }, _set: {
    ended_at: "2026-01-01T00:00:00Z", ended_because: "revoked" }) { id } }`)
  t.equal(await revoke(one.session_id, { token: one.token }), 'not-authenticated')
})
