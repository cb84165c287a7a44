import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import { inboxOf, subjects } from '../support/mail.ts'
import { projectWith } from '../support/project.ts'
import { sandbox } from '../support/sandbox.ts'
import { failure, hasuraOf, service } from '../support/service.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

// The author has a post from the beginning, which refers to the user.
const migration = `
  CREATE TABLE post (author_id integer REFERENCES "user" (id));
  CREATE FUNCTION first_post() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO post VALUES (NEW.id); RETURN NULL; END; $$;
  CREATE TRIGGER first_post AFTER INSERT ON "user" FOR EACH ROW WHEN (NEW.email = 'author@b.test')
    EXECUTE FUNCTION first_post();
`
const running = await sandbox(t, { env: tokenSecret, project: projectWith(t, { migration }) })
const { asAdmin, deleteAccount, ends, graphql, login, logout, refresh, signup } = clientsOf(running.hasuraUrl)
const { mailTo } = inboxOf(running.hasuraUrl)

const idOf = async (email: string): Promise<unknown> => {
  const { data } = await asAdmin('query ($e: String!) { user(where: { email: { _eq: $e } }) { id } }', { e: email })
  return (data?.['user'] as Array<{ id: unknown }>)[0]?.id
}

t.test('deletes the user with its sessions, and mails the address', async (t) => {
  await signup('ann@b.test')
  const one = tokensOf(t, await login('ann@b.test'))
  const two = tokensOf(t, await login('ann@b.test'))
  t.strictSame(await deleteAccount({ token: one.token }), { ok: true })
  t.equal(await idOf('ann@b.test'), undefined)
  t.strictSame(await ends('ann@b.test'), [])
  t.equal(await login('ann@b.test'), 'invalid-credentials')
  t.equal(await refresh(two.refresh_token), 'invalid-refresh-token')
  t.equal(await deleteAccount({ token: two.token }), 'not-authenticated')
  await mailTo('ann@b.test', subjects.deleted)
  t.match(await signup('ann@b.test'), { id: Number }, 'the email is free again')
})

t.test('if other rows refer to the user, nothing is deleted', async (t) => {
  await signup('author@b.test')
  const { token, refresh_token: refreshToken } = tokensOf(t, await login('author@b.test'))
  const mutation = 'mutation ($p: String!) { DeleteAccount(password: $p) { ok } }'
  t.strictSame(await graphql(mutation, { p: password }, { token }), {
    errors: [failure('constraint-violation', 'The user cannot be deleted: other rows still refer to it')]
  })
  t.strictSame(await ends('author@b.test'), [null])
  t.match(await refresh(refreshToken), { token: String })
})

t.test('verifies the password under the limits of a login', async (t) => {
  await signup('limits@b.test')
  const { token } = tokensOf(t, await login('limits@b.test'))
  for (let i = 0; i < 10; i++) t.equal(await deleteAccount({ token, password: 'wrong-password' }), 'invalid-credentials')
  t.equal(await deleteAccount({ token }), 'rate-limited')
  t.equal(await login('limits@b.test'), 'rate-limited')
  t.type(await idOf('limits@b.test'), 'number')
})

t.test('needs a session that is alive', async (t) => {
  await signup('ended@b.test')
  const { token, refresh_token: refreshToken } = tokensOf(t, await login('ended@b.test'))
  await logout({ t: refreshToken })
  t.equal(await deleteAccount({ token }), 'not-authenticated')
  t.type(await idOf('ended@b.test'), 'number')
})

/** Deletes the account on a stand-in for Hasura with this answer. */
async function deleteWith (t: Test, answer: object) {
  const stored = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
  const user = { id: 7, email: 'a@b.test', password: stored, disabled_at: null }
  const { url, asked } = await hasuraOf(t, { FindUser: { data: { user: [user] } }, DeleteUser: answer })
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const session_variables = { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
  const { status, body } = await inject({ url: '/delete-account', payload: { input: { password }, session_variables } })
  return { status, body, operations: asked.map(({ operation }) => operation) }
}

t.test('if the user changes meanwhile, the password is verified once more', async (t) => {
  t.strictSame(await deleteWith(t, { data: { delete_user: { affected_rows: 0 } } }), {
    status: 401,
    body: failure('invalid-credentials', 'Invalid credentials'),
    operations: ['FindUser', 'DeleteUser', 'FindUser', 'DeleteUser']
  })
})

t.test('any other error of Hasura is internal', async (t) => {
  const answer = { errors: [{ message: 'database query error', extensions: { path: '$', code: 'unexpected' } }] }
  t.match(await deleteWith(t, answer), { status: 500, body: failure('internal', 'internal error') })
})

t.test('works without TOKEN_SECRET and without mail', async (t) => {
  await signup('stateless@b.test')
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl })
  const session_variables = { 'x-hasura-role': 'user', 'x-hasura-user-id': String(await idOf('stateless@b.test')) }
  t.match(await inject({ url: '/delete-account', payload: { input: { password }, session_variables } }), {
    status: 200, body: { ok: true }
  })
  t.equal(await idOf('stateless@b.test'), undefined)
})
