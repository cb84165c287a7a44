import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/bcrypt'
import { decodeJwt } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { dataFolder } from './support/folders.ts'
import { request, sandbox } from './support/sandbox.ts'
import type { RequestOptions } from './support/sandbox.ts'
import { follow, run, scratch, scratchSandbox } from './support/scratch.ts'
import { failure, settings } from './support/service.ts'
import { skipSlow } from './support/slow.ts'

const { HASURA_GRAPHQL_ADMIN_SECRET } = settings
const admin = { 'x-hasura-admin-secret': HASURA_GRAPHQL_ADMIN_SECRET }
const credentials = { email: 'person@test.com', password: 'a-password' }
// Each copy of the project runs the compiler and the code generator several times, and a process of the sandbox.
const slow = { skip: skipSlow }

interface Adaption {
  pages: string[]
  data: string
  prepare?: (cwd: string) => void
}

/** Follows pages in a copy of the project, and starts the copy's sandbox. Answers are returned without `data`. */
async function adapt (t: Test, { pages, data, prepare }: Adaption) {
  const cwd = scratch(t)
  prepare?.(cwd)
  for (const page of pages) {
    const commands = follow(t, cwd, page)
    t.ok(commands.length > 0)
    for (const command of commands) {
      if (command.includes('schema:pull')) {
        // It would prepare a database of its own otherwise.
        const { hasuraUrl, close } = await sandbox(t, { project: join(cwd, 'hasura'), env: { SANDBOX_DATA_DIR: data } })
        await run(cwd, command, { HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HASURA_GRAPHQL_ADMIN_SECRET })
        await close()
      } else await run(cwd, command)
    }
  }
  await run(cwd, 'npx tsc -b --noCheck')
  const url = await scratchSandbox(t, cwd, data)
  const ask = async (query: string, options: RequestOptions = {}) => {
    const body = await request(url, query, options)
    return (body['data'] ?? body) as Record<string, unknown>
  }
  const act = async (action: string, variables = credentials) => (
    ask(`mutation ($email: String!, $password: String!) { ${action} }`, { variables })
  )
  return {
    ask,
    /** Waits for the mail with a link to this page, and returns the token of the link. */
    tokenOf: async (page: string) => {
      for (;;) {
        const mails = await (await fetch(`${url}/inbox.json`)).json() as Array<{ text: string }>
        const [, token] = new RegExp(`/${page}#token=(\\S+)`).exec(mails.map(({ text }) => text).join()) ?? []
        if (token !== undefined) return token
        await after(20)
      }
    },
    signup: async () => act('Signup(email: $email, password: $password) { id email password }'),
    login: async (variables = credentials) => {
      const answer = await act('Login(email: $email, password: $password) { token }', variables)
      const { Login: { token } } = answer as { Login: { token: string } }
      return { claims: decodeJwt(token), bearer: { headers: { authorization: `Bearer ${token}` } } }
    }
  }
}

t.test('docs/custom-claims.md adds a claim, and CONTRIBUTING.md an action, in the same copy', slow, async (t) => {
  const [, addAnAction = ''] = /^## Add an action\n([^]*?)^## /m.exec(readFileSync('CONTRIBUTING.md', 'utf8')) ?? []
  const pages = [readFileSync('docs/custom-claims.md', 'utf8'), addAnAction]
  const { ask, signup, login } = await adapt(t, { pages, data: dataFolder(t) })
  const { Signup: user } = await signup() as { Signup: { id: number } }

  await t.test('Hasura\'s permissions read the claim', async (t) => {
    const projects = '{ project { name } }'
    const without = await login()
    t.strictSame(Object.keys(without.claims['https://hasura.io/jwt/claims'] as object).sort(),
      ['x-hasura-allowed-roles', 'x-hasura-default-role', 'x-hasura-session-id', 'x-hasura-user-id'])
    t.match(await ask(projects, without.bearer), { errors: [{ message: 'missing session variable: "x-hasura-org-id"' }] })

    const setUp = `mutation ($id: Int!) {
      update_user_by_pk(pk_columns: { id: $id }, _set: { org_id: 7 }) { org_id }
      own: insert_project_one(object: { org_id: 7, name: "own" }) { id }
      another: insert_project_one(object: { org_id: 8, name: "another's" }) { id }
    }`
    t.match(await ask(setUp, { headers: admin, variables: { id: user.id } }), { update_user_by_pk: { org_id: 7 } })
    const { claims, bearer } = await login()
    t.match(claims['https://hasura.io/jwt/claims'], {
      'x-hasura-org-id': '7',
      'x-hasura-allowed-roles': ['user'],
      'x-hasura-default-role': 'user',
      'x-hasura-user-id': String(user.id)
    })
    t.strictSame(await ask(projects, bearer), { project: [{ name: 'own' }] })

    // A refresh reads the claim again.
    const { Login: { refresh_token: refreshToken } } = await ask(
      'mutation ($email: String!, $password: String!) { Login(email: $email, password: $password) { refresh_token } }',
      { variables: credentials }
    ) as { Login: { refresh_token: string } }
    await ask('mutation ($id: Int!) { update_user_by_pk(pk_columns: { id: $id }, _set: { org_id: 8 }) { org_id } }',
      { headers: admin, variables: { id: user.id } })
    const { Refresh: { token } } = await ask('mutation ($t: String!) { Refresh(refresh_token: $t) { token } }',
      { variables: { t: refreshToken } }) as { Refresh: { token: string } }
    t.match(decodeJwt(token)['https://hasura.io/jwt/claims'], { 'x-hasura-org-id': '8' })
  })

  await t.test('the action works for the roles that actions.yaml names', async (t) => {
    const giveRole = `mutation ($id: Int!) {
      insert_role_one(object: { name: "editor" }) { name }
      insert_user_role_one(object: { user_id: $id, role: "editor" }) { role }
    }`
    t.match(await ask(giveRole, { headers: admin, variables: { id: user.id } }), { insert_user_role_one: { role: 'editor' } })
    const giveUp = 'mutation { GiveUpRole(role: "editor") { ok } }'
    const { bearer } = await login()
    t.strictSame(await ask(giveUp, bearer), { GiveUpRole: { ok: true } })
    t.strictSame(await ask(giveUp, bearer), { errors: [failure('validation-failed', 'input.role must be one of your roles')] })
    const { claims } = await login()
    t.match(claims['https://hasura.io/jwt/claims'], { 'x-hasura-allowed-roles': ['user'] })
    t.match(await ask(giveUp), { errors: [{ extensions: { code: 'validation-failed', path: '$.selectionSet.GiveUpRole' } }] })
  })
})

t.test('docs/your-own-user-table.md signs up and logs in users of another table', slow, async (t) => {
  const someone = { email: 'someone@test.com', password: 'password-of-before' }
  const digest = await hash(someone.password, 4)
  const { ask, signup, login, tokenOf } = await adapt(t, {
    pages: [readFileSync('docs/your-own-user-table.md', 'utf8')],
    data: dataFolder(t, 'empty'),
    prepare: (cwd) => {
      const folder = join(cwd, 'hasura/migrations/default/1650000000000_someone')
      mkdirSync(folder)
      writeFileSync(join(folder, 'up.sql'), `INSERT INTO public.users (email_address, password_digest, role, name)
        VALUES (' Someone@Test.com', '${digest}', 'editor', 'Someone')`)
    }
  })

  const { Signup: user } = await signup() as { Signup: { id: string } }
  t.match(user, { id: /^[\da-f-]{36}$/, email: credentials.email, password: /^\$argon2id\$/ })
  t.match(await signup(), {
    errors: [{
      message: 'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"',
      extensions: { code: 'constraint-violation', path: '$' }
    }]
  })
  const { claims, bearer } = await login()
  t.match([claims.sub, claims['https://hasura.io/jwt/claims']], [user.id, {
    'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': 'user', 'x-hasura-user-id': user.id,
    'x-hasura-session-id': /^[\da-f-]{36}$/
  }])
  const change = 'mutation { ChangePassword(current_password: "a-password", new_password: "another-password") { token } }'
  t.match(await ask(change, bearer), { ChangePassword: { token: /^eyJ/ } })
  t.match(await ask(change, bearer), { errors: [{ extensions: { code: 'not-authenticated' } }] }, 'the session has ended')
  const { claims: changed } = await login({ ...credentials, password: 'another-password' })
  t.equal(changed.sub, user.id)
  t.strictSame(await ask('{ users { id email_address } }', bearer), { users: [{ id: user.id, email_address: credentials.email }] })
  t.strictSame(await ask(`query ($id: uuid!) { users_by_pk(id: $id) { name } }`, { ...bearer, variables: { id: user.id } }),
    { users_by_pk: { name: null } })

  const mutate = async (mutation: string, token: string, options: RequestOptions = {}) => (
    ask(`mutation ($t: String!) { ${mutation} { ok } }`, { ...options, variables: { t: token } })
  )
  const done = { ok: true }
  t.strictSame(await ask('mutation { RequestPasswordReset(email: "person@test.com") { ok } }'), { RequestPasswordReset: done })
  t.strictSame(await mutate('ResetPassword(token: $t, password: "a-third-password")', await tokenOf('reset-password')),
    { ResetPassword: done })
  const reset = await login({ ...credentials, password: 'a-third-password' })
  t.strictSame(await ask('mutation { ChangeEmail(email: "moved@test.com", password: "a-third-password") { ok } }', reset.bearer),
    { ChangeEmail: done })
  t.strictSame(await mutate('ConfirmEmailChange(token: $t)', await tokenOf('confirm-email'), reset.bearer),
    { ConfirmEmailChange: done })
  const moved = await login({ email: 'moved@test.com', password: 'a-third-password' })
  t.match(await mutate('VerifyEmail(token: $t)', await tokenOf('verify-email'), moved.bearer),
    { errors: [{ extensions: { code: 'invalid-token' } }] }, 'the link of the old email')
  t.strictSame(await ask('mutation { DeleteAccount(password: "a-third-password") { ok } }', moved.bearer), { DeleteAccount: done })

  const before = await login(someone)
  t.match(before.claims['https://hasura.io/jwt/claims'], { 'x-hasura-default-role': 'editor' })
  t.match(await ask('{ users(where: { name: { _eq: "Someone" } }) { password_digest } }', { headers: admin }),
    { users: [{ password_digest: /^\$argon2id\$/ }] })
})
