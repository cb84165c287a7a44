import { hash } from '@node-rs/argon2'
import { decodeJwt } from 'jose'
import t from 'tap'
import { inboxOf, subjects } from '../support/mail.ts'
import { replace } from '../support/replace.ts'
import { sandbox } from '../support/sandbox.ts'
import { failure, hasuraOf, service } from '../support/service.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'
import { mailSettings } from '../support/smtp-servers.ts'

// The limits count from a clock that the tests move.
let ahead = 0
const clock = performance.now.bind(performance)
replace(t, performance, 'now', () => clock() + ahead)
const later = (seconds: number): void => { ahead += seconds * 1000 }

const running = await sandbox(t, { env: { ...tokenSecret, UNVERIFIED_ROLE: 'unverified' } })
const clients = clientsOf(running.hasuraUrl)
const {
  asAdmin, changeEmail, confirmEmailChange, ends, graphql, login, logout, refresh, sendVerification, signup, verifyEmail
} = clients
const { mailsTo, mailTo, tokenTo } = inboxOf(running.hasuraUrl)

const claimsOf = (token: string): Record<string, unknown> => (
  decodeJwt(token)['https://hasura.io/jwt/claims'] as Record<string, unknown>
)
const rolesOf = (token: string): unknown => claimsOf(token)['x-hasura-allowed-roles']

const verifiedAt = async (email: string): Promise<unknown> => {
  const { data } = await asAdmin('query ($e: String!) { user(where: { email: { _eq: $e } }) { email_verified_at } }', { e: email })
  return (data?.['user'] as Array<{ email_verified_at: unknown }>)[0]?.email_verified_at
}

/** Signs up and logs in. */
const join = async (email: string) => {
  await signup(email)
  return tokensOf(t, await login(email))
}

t.test('a sign-up mails a link that verifies the email once', async (t) => {
  const { token: access } = await join('ann@b.test')
  const token = await tokenTo('ann@b.test', subjects.verify)
  t.equal(await verifiedAt('ann@b.test'), null)
  t.strictSame(await verifyEmail(token, { token: access }), { ok: true })
  t.type(await verifiedAt('ann@b.test'), 'string')
  t.equal(await verifyEmail(token, { token: access }), 'invalid-token')
})

t.test('until the email is verified, UNVERIFIED_ROLE is the only role, with the permissions of a user', async (t) => {
  const { token: access, refresh_token: first, session_id: id } = await join('bob@b.test')
  t.strictSame(rolesOf(access), ['unverified'])
  t.match(claimsOf(access), { 'x-hasura-default-role': 'unverified' })
  const own = await graphql('{ user { email email_verified_at } user_session { id } }', {}, { token: access })
  t.match(own, { data: { user: [{ email: 'bob@b.test', email_verified_at: null }], user_session: [{ id }] } })

  await verifyEmail(await tokenTo('bob@b.test', subjects.verify), { token: access })
  t.strictSame(rolesOf(tokensOf(t, await refresh(first)).token), ['user'])
  t.strictSame(rolesOf(tokensOf(t, await login('bob@b.test')).token), ['user'])
})

t.test('only the session of the user itself verifies its email', async (t) => {
  await signup('victim@b.test')
  const token = await tokenTo('victim@b.test', subjects.verify)
  const mallory = await join('mallory@b.test')
  t.equal(await verifyEmail(token, { token: mallory.token }), 'invalid-token')
  t.equal(await verifiedAt('victim@b.test'), null)
  const ended = tokensOf(t, await login('victim@b.test'))
  await logout({ t: ended.refresh_token })
  t.equal(await verifyEmail(token, { token: ended.token }), 'not-authenticated')
})

t.test('SendVerification mails one link a minute, the one of the sign-up included', async (t) => {
  const { token } = await join('again@b.test')
  await tokenTo('again@b.test', subjects.verify)
  t.strictSame(await sendVerification({ token }), { ok: true })
  later(61)
  t.strictSame(await sendVerification({ token }), { ok: true })
  const count = async () => (await mailsTo('again@b.test')).length
  while (await count() < 2);
  // A mail that comes later.
  await join('after@b.test')
  await tokenTo('after@b.test', subjects.verify)
  t.equal(await count(), 2)
})

t.test('per client address, requests for mail have the limit of sign-ups, beyond which there is no lookup', async (t) => {
  const stored = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
  const row = { id: 1, email: 'a@b.test', password: stored, default_role: 'user', disabled_at: null, email_verified_at: null, roles: [] }
  const { url, asked } = await hasuraOf(t, { FindUser: { data: { user: [row] } }, UserByEmail: { data: { user: [] } } })
  const { inject } = await service(t, {
    ...mailSettings, HASURA_GRAPHQL_ENDPOINT: url, CLIENT_ADDRESS_HEADER: 'x-client', SIGNUP_LIMIT_PER_ADDRESS: '2'
  })
  const from = async (address: string, path: string, input: object) => {
    const session = { 'x-hasura-user-id': '1', 'x-hasura-role': 'user' }
    const answer = await inject({ url: path, headers: { 'x-client': address }, payload: { input, session_variables: session } })
    t.match(answer, { status: 200, body: { ok: true } })
  }
  const lookups = (operation: string) => asked.filter(request => request.operation === operation)
  for (const email of ['1@b.test', '2@b.test', '3@b.test']) await from('203.0.113.1', '/change-email', { email, password })
  await from('203.0.113.2', '/change-email', { email: 'last@b.test', password })
  const emails = () => lookups('UserByEmail').map(({ variables }) => variables['email'])
  while (!emails().includes('last@b.test')) await new Promise(setImmediate)
  t.strictSame(emails(), ['1@b.test', '2@b.test', 'last@b.test'])

  asked.splice(0)
  for (let time = 0; time < 3; time++) await from('203.0.113.3', '/send-verification', {})
  await from('203.0.113.4', '/change-email', { email: 'another@b.test', password })
  while (!emails().includes('another@b.test')) await new Promise(setImmediate)
  // The last one is that of ChangeEmail itself.
  t.equal(lookups('FindUser').length, 3)
})

t.test('SendVerification mails nothing to a verified email, or for an ended session', async (t) => {
  const verified = await join('verified@b.test')
  await verifyEmail(await tokenTo('verified@b.test', subjects.verify), { token: verified.token })
  const ended = await join('ended@b.test')
  await logout({ t: ended.refresh_token })
  later(61)
  for (const { token } of [verified, ended]) t.strictSame(await sendVerification({ token }), { ok: true })
  // A mail that comes later.
  await join('last@b.test')
  await tokenTo('last@b.test', subjects.verify)
  for (const email of ['verified@b.test', 'ended@b.test']) t.equal((await mailsTo(email)).length, 1, email)
})

t.test('the link to a new email replaces the old one, ends all sessions and mails the old address', async (t) => {
  const { token: access } = await join('old@b.test')
  t.strictSame(await changeEmail('  New@B.test', { token: access }), { ok: true })
  const token = await tokenTo('new@b.test', subjects.change)
  t.equal(await verifiedAt('old@b.test'), null, 'nothing has changed yet')

  t.strictSame(await confirmEmailChange(token, { token: access }), { ok: true })
  t.type(await verifiedAt('new@b.test'), 'string')
  t.strictSame(await ends('new@b.test'), ['email-changed'])
  t.equal(await confirmEmailChange(token, { token: access }), 'not-authenticated')
  t.equal(await login('old@b.test'), 'invalid-credentials')
  const { token: fresh } = tokensOf(t, await login('new@b.test'))
  t.equal(await confirmEmailChange(token, { token: fresh }), 'invalid-token')
  t.match((await mailTo('old@b.test', subjects.emailChanged)).text, /new@b\.test/)
})

t.test('ChangeEmail verifies the password under the limits of a login', async (t) => {
  const { token } = await join('password@b.test')
  for (let i = 0; i < 10; i++) {
    t.equal(await changeEmail('other@b.test', { token, password: 'wrong-password' }), 'invalid-credentials')
  }
  t.equal(await changeEmail('other@b.test', { token }), 'rate-limited')
  t.equal(await login('password@b.test'), 'rate-limited')
  t.strictSame(await mailsTo('other@b.test'), [])
})

t.test('ChangeEmail to a taken email answers the same, and mails its owner', async (t) => {
  await signup('owner@b.test')
  const { token } = await join('taker@b.test')
  t.strictSame(await changeEmail('Owner@b.test', { token }), { ok: true })
  t.notMatch((await mailTo('owner@b.test', subjects.taken)).text, /#token=/)
  later(61)
  t.strictSame(await changeEmail('taken-later@b.test', { token }), { ok: true })
  const link = await tokenTo('taken-later@b.test', subjects.change)
  await signup('taken-later@b.test')
  t.equal(await confirmEmailChange(link, { token }), 'constraint-violation')
  t.equal(await verifiedAt('taker@b.test'), null, 'nothing has changed')
  t.strictSame(await ends('taker@b.test'), [null])
})

t.test('ChangeEmail refuses the email that the caller has, and malformed ones', async (t) => {
  const { token } = await join('same@b.test')
  const mutation = 'mutation ($e: String!, $p: String!) { ChangeEmail(email: $e, password: $p) { ok } }'
  const table: Array<[string, string]> = [
    ['SAME@b.test ', 'input.email is the email that you have'],
    ['a,b@c.test', 'input.email must be an email address']
  ]
  for (const [email, message] of table) {
    t.strictSame(await graphql(mutation, { e: email, p: password }, { token }), { errors: [failure('validation-failed', message)] })
  }
})

t.test('ChangeEmail mails one link a minute to a new email, for all callers together', async (t) => {
  const one = await join('one@b.test')
  const two = await join('two@b.test')
  for (const { token } of [one, two, one]) t.strictSame(await changeEmail('wanted@b.test', { token }), { ok: true })
  await tokenTo('wanted@b.test', subjects.change)
  later(61)
  t.strictSame(await changeEmail('wanted@b.test', { token: two.token }), { ok: true })
  while ((await mailsTo('wanted@b.test')).length < 2);
  t.equal((await mailsTo('wanted@b.test')).length, 2)
})

t.test('a link that changes the email stops working when the password or the email changes, and when the email is verified', async (t) => {
  const changes: Record<string, object> = {
    password: { password: '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA' },
    email: { email: 'moved-again@b.test' },
    verified: { email_verified_at: '2026-01-01T00:00:00Z' }
  }
  for (const [name, set] of Object.entries(changes)) {
    const { token } = await join(`from-${name}@b.test`)
    await changeEmail(`to-${name}@b.test`, { token })
    const link = await tokenTo(`to-${name}@b.test`, subjects.change)
    await asAdmin(
      'mutation ($e: String!, $s: user_set_input!) { update_user(where: { email: { _eq: $e } }, _set: $s) { affected_rows } }',
      { e: `from-${name}@b.test`, s: set }
    )
    t.equal(await confirmEmailChange(link, { token }), 'invalid-token', name)
  }
})

t.test('without SMTP_URL, all four actions are not configured', async (t) => {
  const { inject } = await service(t, tokenSecret)
  const session_variables = { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' }
  const table: Array<[string, object]> = [
    ['/send-verification', {}],
    ['/verify-email', { token: 'x' }],
    ['/change-email', { email: 'a@b.test', password }],
    ['/confirm-email-change', { token: 'x' }]
  ]
  for (const [url, input] of table) {
    t.match(await inject({ url, payload: { input, session_variables } }), {
      status: 400, body: failure('not-configured', 'There is no mail: set SMTP_URL')
    }, url)
  }
})
