import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { buildSchema, Kind, parse, validate } from 'graphql'
import { decodeJwt } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { introspect } from '../src/cli/pull-schema/introspect.ts'
import { onEachDatabase } from './support/databases.ts'
import { inboxOf, mailpitOf, subjects } from './support/mail.ts'
import type { Inbox } from './support/mail.ts'
import { request, sandbox } from './support/sandbox.ts'
import { failure, settings } from './support/service.ts'
import { tokenSecret } from './support/sessions.ts'

interface Target {
  url: string
  adminSecret: string
  /** Base URL of the webhook, where it can be reached from here. */
  webhook: string | undefined
  actionSecret: string
  isRedacted: boolean
  hasSessions: boolean
  /** Where the service's mails arrive; undefined if mail is off. */
  inbox: Inbox | undefined
}

function claimsOf (token: string): Record<string, unknown> {
  return decodeJwt(token)['https://hasura.io/jwt/claims'] as Record<string, unknown>
}

async function walkThrough (t: Test, target: Target): Promise<void> {
  const { url, adminSecret, webhook, actionSecret, isRedacted, hasSessions, inbox } = target
  const asAdmin = { headers: { 'x-hasura-admin-secret': adminSecret } }
  const fresh = (): { email: string, password: string } => ({
    email: `e2e-${randomBytes(8).toString('hex')}@test.com`, password: randomBytes(16).toString('base64url')
  })
  const ids: number[] = []

  async function signup (variables: { email: string, password: string }) {
    const document = 'mutation ($email: String!, $password: String!) { Signup(email: $email, password: $password) { id email password } }'
    const body = await request(url, document, { variables })
    const { Signup: user } = (body['data'] ?? { Signup: null }) as { Signup: { id: number, password: string } | null }
    if (user !== null) ids.push(user.id)
    return { body, user }
  }

  async function login (variables: { email: string, password: string }) {
    const document = 'mutation ($email: String!, $password: String!) { Login(email: $email, password: $password) { token } }'
    const body = await request(url, document, { variables })
    return { body, token: (body['data'] as { Login: { token: string } } | undefined)?.Login.token ?? '' }
  }

  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

  t.teardown(async () => {
    for (const id of ids) {
      await request(url, 'mutation ($id: Int!) { delete_user_by_pk(id: $id) { id } }', { ...asAdmin, variables: { id } })
    }
  })

  t.test('the service\'s operations are valid in the schema', async (t) => {
    const schema = buildSchema(await introspect(url, adminSecret))
    const files = readdirSync('graphql').filter(name => name.endsWith('.graphql') && name !== 'schema.graphql')
    const { definitions } = parse(files.map(name => readFileSync(`graphql/${name}`, 'utf8')).join('\n'))
    const operations = definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
    t.strictSame(operations.map(({ name }) => name?.value), [
      'ChangePassword', 'ConfirmEmailChange', 'CreateUser', 'DeleteStaleSessions', 'DeleteUser', 'EndSessions', 'FindUser', 'Ready',
      'RefreshSession', 'ReplacePassword', 'ResetPassword', 'SessionInGrace', 'StaleSessions', 'StartSession', 'UpdatePassword',
      'UserByEmail', 'VerifyEmail'
    ])
    // Against a schema without a mutation root, graphql-js finds no mistake in a mutation.
    for (const { name, operation } of operations) t.ok(schema.getRootType(operation), `${String(name?.value)}: ${operation}`)
    t.strictSame(validate(schema, { kind: Kind.DOCUMENT, definitions }), [])
  })

  t.test('a user signs up, logs in and reads only their own row', async (t) => {
    const person = fresh()
    const { body, user } = await signup(person)
    const password = isRedacted ? '[redacted]' : /^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$/
    t.match(body, { data: { Signup: { id: Number, email: person.email, password } } })
    t.notMatch(JSON.stringify(body), person.password)

    t.strictSame((await signup(person)).body, {
      errors: [failure('constraint-violation',
        'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"')]
    })
    t.strictSame((await signup({ ...person, password: 'short' })).body['errors'],
      [failure('weak-password', 'The password must have at least 8 characters')])

    const { token } = await login({ ...person, email: ` ${person.email.toUpperCase()} ` })
    const { iat = 0, exp, jti, ...claims } = decodeJwt(token)
    t.strictSame(claims, {
      'sub': String(user?.id),
      'https://hasura.io/jwt/claims': {
        'x-hasura-allowed-roles': ['user'],
        'x-hasura-default-role': 'user',
        'x-hasura-user-id': String(user?.id),
        ...hasSessions && { 'x-hasura-session-id': claimsOf(token)['x-hasura-session-id'] }
      }
    })
    t.ok(exp !== undefined && exp > iat)
    t.type(jti, 'string')

    await signup(fresh())
    t.strictSame(await request(url, '{ user { id email } }', bearer(token)),
      { data: { user: [{ id: user?.id, email: person.email }] } })
    t.match(await request(url, '{ user { id password } }', bearer(token)), {
      errors: [{
        message: /^field .password. not found in type: .user.$/,
        extensions: { path: '$.selectionSet.user.selectionSet.password', code: 'validation-failed' }
      }]
    })
    t.match(await request(url, 'mutation { insert_user_one(object: {}) { id } }', bearer(token)), {
      errors: [{ extensions: { path: '$.selectionSet.insert_user_one', code: 'validation-failed' } }]
    })
  })

  t.test('a wrong password and an unknown email get the same answer', async (t) => {
    const person = fresh()
    await signup(person)
    const refused = { errors: [failure('invalid-credentials', 'Invalid credentials')] }
    t.strictSame((await login({ ...person, password: fresh().password })).body, refused)
    t.strictSame((await login(fresh())).body, refused)
  })

  t.test('twenty simultaneous sign-ups with one email create one user', async (t) => {
    const person = fresh()
    const bodies = (await Promise.all(Array.from({ length: 20 }, async () => signup(person)))).map(({ body }) => body)
    t.equal(bodies.filter(({ data }) => data !== undefined).length, 1)
    const duplicate = failure('constraint-violation',
      'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"')
    const refused = bodies.filter(({ errors }) => errors !== undefined)
    t.strictSame(refused, Array.from({ length: 19 }, () => ({ errors: [duplicate] })))
  })

  t.test('each alias of Login in a document counts as an attempt', async (t) => {
    const { email } = fresh()
    const field = `Login(email: "${email}", password: "wrong-password") { token }`
    const document = `mutation { ${Array.from({ length: 12 }, (_, index) => `a${index}: ${field}`).join(' ')} }`
    // Hasura stops at the first failure, so a document counts as many attempts as it has made until then.
    const codes: unknown[] = []
    for (let i = 0; i < 11; i++) {
      const { errors } = await request(url, document) as { errors: [{ extensions: { code: string } }] }
      codes.push(errors[0].extensions.code)
    }
    t.equal(codes[0], 'invalid-credentials')
    t.equal(codes.at(-1), 'rate-limited')
  })

  t.test('roles come from the database', async (t) => {
    const person = fresh()
    const { user } = await signup(person)
    const grant = `mutation ($id: Int!) {
      insert_user_role_one(object: { user_id: $id, role: "admin" }) { role }
      update_user_by_pk(pk_columns: { id: $id }, _set: { default_role: "admin" }) { default_role }
    }`
    t.strictSame(await request(url, grant, { ...asAdmin, variables: { id: user?.id } }),
      { data: { insert_user_role_one: { role: 'admin' }, update_user_by_pk: { default_role: 'admin' } } })
    const { token } = await login(person)
    t.match(await request(url, '{ user(where: { email: { _in: [] } }) { id } }', bearer(token)), { data: { user: [] } })
    const { data } = await request(url, '{ user { id } }', bearer(token)) as { data: { user: Array<{ id: number }> } }
    const seen = data.user.map(({ id }) => id)
    t.ok(ids.every(id => seen.includes(id)), 'every row')
  })

  t.test('an invalid token is refused, even for Login', async (t) => {
    const { token } = await login(fresh())
    t.equal(token, '')
    t.match(await request(url, 'mutation { Login(email: "a@b.c", password: "a-password") { token } }', bearer('a.b.c')),
      { errors: [{ extensions: { path: '$', code: 'invalid-jwt' } }] })
  })

  const noMail = inbox === undefined && 'INBOX_URL does not say where the mails arrive'
  t.test('a user verifies the email, resets the password, changes the email and deletes the account', { skip: noMail }, async (t) => {
    if (inbox === undefined) return
    const { email, password } = fresh()
    const act = async (mutation: string, token?: string) => (
      request(url, `mutation { ${mutation} { ok } }`, token === undefined ? {} : bearer(token))
    )
    const done = (action: string): object => ({ data: { [action]: { ok: true } } })
    await signup({ email, password })
    const { token: unverified } = await login({ email, password })
    const verification = await inbox.tokenTo(email, subjects.verify)
    t.strictSame(await act(`VerifyEmail(token: "${verification}")`, unverified), done('VerifyEmail'))

    t.strictSame(await act(`RequestPasswordReset(email: "${email}")`), done('RequestPasswordReset'))
    const reset = await inbox.tokenTo(email, subjects.reset)
    const { password: newPassword } = fresh()
    t.strictSame(await act(`ResetPassword(token: "${reset}", password: "${newPassword}")`), done('ResetPassword'))
    t.equal((await login({ email, password })).token, '', 'the old password is gone')
    t.match(await act(`VerifyEmail(token: "${verification}")`, unverified), {
      errors: [{ extensions: { code: 'not-authenticated' } }]
    }, 'so is the old session')

    const { token } = await login({ email, password: newPassword })
    const { email: newEmail } = fresh()
    t.strictSame(await act(`ChangeEmail(email: "${newEmail}", password: "${newPassword}")`, token), done('ChangeEmail'))
    const change = await inbox.tokenTo(newEmail, subjects.change)
    t.strictSame(await act(`ConfirmEmailChange(token: "${change}")`, token), done('ConfirmEmailChange'))
    await inbox.mailTo(email, subjects.emailChanged)

    const { token: last } = await login({ email: newEmail, password: newPassword })
    t.strictSame(await act(`DeleteAccount(password: "${newPassword}")`, last), done('DeleteAccount'))
    t.equal((await login({ email: newEmail, password: newPassword })).token, '')
  })

  const skip = webhook === undefined && 'ACTION_BASE_URL does not say where the webhook is'
  t.test('the webhook answers when it is called directly', { skip }, async (t) => {
    const person = fresh()
    await signup(person)
    const post = async (headers: Record<string, string>): Promise<Response> => fetch(`${String(webhook)}/login`, {
      method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ input: person })
    })
    const response = await post({ 'x-hasura-action-secret': actionSecret })
    t.equal(response.status, 200)
    t.match(await response.json(), { token: /^[\w-]+\.[\w-]+\.[\w-]+$/ })
    const refused = await post({})
    t.equal(refused.status, 401)
    t.match(await refused.json(), { extensions: { code: 'access-denied' } })
  })
}

const { env } = process
const endpoint = env['HASURA_GRAPHQL_ENDPOINT']
// `npm run test:e2e` runs on the Hasura that the environment names, if it names one.
if (process.argv.includes('--hasura') && endpoint) {
  void t.test(`end to end on ${endpoint}`, async t => walkThrough(t, {
    url: endpoint.replace(/\/$/, ''),
    adminSecret: env['HASURA_GRAPHQL_ADMIN_SECRET'] ?? '',
    webhook: env['ACTION_BASE_URL'],
    actionSecret: env['ACTION_SECRET'] ?? '',
    isRedacted: env['SIGNUP_PASSWORD_FIELD'] === 'redacted',
    hasSessions: Boolean(env['TOKEN_SECRET']),
    inbox: env['INBOX_URL'] ? mailpitOf(env['INBOX_URL']) : undefined
  }))
} else {
  onEachDatabase('end to end on the sandbox', async (t, database) => {
    const { hasuraUrl: url, serviceUrl: webhook } = await sandbox(t, { database, env: tokenSecret })
    const { HASURA_GRAPHQL_ADMIN_SECRET: adminSecret, ACTION_SECRET: actionSecret } = settings
    await walkThrough(t, {
      url, adminSecret, webhook, actionSecret, isRedacted: false, hasSessions: true, inbox: inboxOf(url)
    })
  })
}
