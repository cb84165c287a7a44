import t from 'tap'
import { createMailedTokens } from '../../src/mail/mailed-token.ts'
import { inboxOf, subjects } from '../support/mail.ts'
import { sandbox } from '../support/sandbox.ts'
import { failure, hasuraOf, service } from '../support/service.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

// Requests without the header are not limited by address.
const running = await sandbox(t, { env: { ...tokenSecret, CLIENT_ADDRESS_HEADER: 'x-client', LOGIN_LIMIT_PER_ADDRESS: '2' } })
const { asAdmin, ends, graphql, login, refresh, requestReset, resetPassword, signup } = clientsOf(running.hasuraUrl)
const { mailsTo, mailTo, tokenTo } = inboxOf(running.hasuraUrl)

const update = async (email: string, set: object) => asAdmin(
  'mutation ($e: String!, $s: user_set_input!) { update_user(where: { email: { _eq: $e } }, _set: $s) { affected_rows } }',
  { e: email, s: set }
)

t.test('a mailed link sets a new password once, verifies the email, ends all sessions and signs nobody in', async (t) => {
  await signup('ann@b.test')
  const before = tokensOf(t, await login('ann@b.test'))
  t.strictSame(await requestReset('  Ann@B.test '), { ok: true })
  const token = await tokenTo('ann@b.test', subjects.reset)

  t.strictSame(await resetPassword(token, 'another-password'), { ok: true })
  t.equal(await resetPassword(token, 'a-third-password'), 'invalid-token')
  t.equal(await login('ann@b.test'), 'invalid-credentials')
  t.match(await login('ann@b.test', { password: 'another-password' }), { token: String })
  t.equal(await refresh(before.refresh_token), 'invalid-refresh-token')
  t.strictSame(await ends('ann@b.test'), ['password-changed', null])
  t.match(await asAdmin('{ user(where: { email: { _eq: "ann@b.test" } }) { email_verified_at } }'), {
    data: { user: [{ email_verified_at: String }] }
  })
  await mailTo('ann@b.test', subjects.passwordChanged)
})

t.test('a verified email keeps the time at which it was verified', async (t) => {
  await signup('verified@b.test')
  await update('verified@b.test', { email_verified_at: '2026-01-01T00:00:00+00:00' })
  await requestReset('verified@b.test')
  await resetPassword(await tokenTo('verified@b.test', subjects.reset), 'another-password')
  t.match(await asAdmin('{ user(where: { email: { _eq: "verified@b.test" } }) { email_verified_at } }'), {
    data: { user: [{ email_verified_at: '2026-01-01T00:00:00+00:00' }] }
  })
})

t.test('a link stops working when the password or the email changes, and when the user is disabled or deleted', async (t) => {
  const changes: Record<string, (email: string) => Promise<unknown>> = {
    password: async email => update(email, { password: '$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAA' }),
    email: async email => update(email, { email: `other-${email}` }),
    disabled: async email => update(email, { disabled_at: '2026-01-01T00:00:00Z' }),
    deleted: async email => asAdmin(
      'mutation ($e: String!) { delete_user(where: { email: { _eq: $e } }) { affected_rows } }', { e: email }
    )
  }
  for (const [name, change] of Object.entries(changes)) {
    const email = `${name}@b.test`
    await signup(email)
    await requestReset(email)
    const token = await tokenTo(email, subjects.reset)
    t.match(await change(email), { data: {} })
    t.equal(await resetPassword(token, 'another-password'), 'invalid-token', name)
  }
})

t.test('unknown, disabled and limited emails get the same answer, and no mail', async (t) => {
  await signup('limited@b.test')
  await signup('locked@b.test')
  await update('locked@b.test', { disabled_at: '2026-01-01T00:00:00Z' })
  for (const email of ['nobody@b.test', 'locked@b.test', 'limited@b.test', 'limited@b.test', 'limited@b.test']) {
    t.strictSame(await requestReset(email), { ok: true }, email)
  }
  await mailTo('limited@b.test', subjects.reset)
  // Mails of later requests come later.
  await signup('later@b.test')
  await requestReset('later@b.test')
  await mailTo('later@b.test', subjects.reset)
  const resets = async (email: string) => (
    (await mailsTo(email)).filter(({ subject }) => subject === subjects.reset).length
  )
  t.equal(await resets('limited@b.test'), 1)
  t.strictSame(await mailsTo('nobody@b.test'), [])
  t.equal(await resets('locked@b.test'), 0)
})

t.test('the token is checked before the new password is hashed, and the policy of a sign-up applies', async (t) => {
  const mutation = 'mutation ($t: String!, $p: String!) { ResetPassword(token: $t, password: $p) { ok } }'
  const invalid = failure('invalid-token', 'The link is invalid, used or expired: request a new one')
  const table: Array<[string, string, object]> = [
    ['', 'another-password', invalid],
    ['x', 'another-password', invalid],
    ['A'.repeat(100), 'another-password', invalid],
    ['x', 'short', failure('weak-password', 'The password must have at least 8 characters')],
    ['x', 'x'.repeat(257), failure('weak-password', 'The password must have at most 256 characters')]
  ]
  for (const [token, fresh, error] of table) {
    t.strictSame(await graphql(mutation, { t: token, p: fresh }), { errors: [error] })
  }
})

t.test('a token of no user is invalid, even with the right secret', async (t) => {
  const { create } = createMailedTokens([tokenSecret.TOKEN_SECRET], 3600)
  const row = { email: 'ann@b.test', password: '', disabled_at: null, email_verified_at: null }
  for (const id of [0, -1, 2_147_483_647, 2_147_483_648, 1.5, NaN]) {
    t.equal(await resetPassword(create('reset', { ...row, id }), 'another-password'), 'invalid-token', String(id))
  }
})

t.test('a malformed email is validation-failed', async (t) => {
  for (const email of ['', 'ann', 'ann@', 'a,b@c.test']) {
    t.strictSame(await graphql('mutation ($e: String!) { RequestPasswordReset(email: $e) { ok } }', { e: email }), {
      errors: [failure('validation-failed', 'input.email must be an email address')]
    })
  }
})

const mailOn = { ...tokenSecret, SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'from@b.test', APP_URL: 'https://app.test' }

t.test('per client address, failures have the limit of logins, and requests that of sign-ups, beyond which there is no lookup', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { inject } = await service(t, {
    ...mailOn,
    HASURA_GRAPHQL_ENDPOINT: url,
    CLIENT_ADDRESS_HEADER: 'x-client',
    LOGIN_LIMIT_PER_ADDRESS: '2',
    SIGNUP_LIMIT_PER_ADDRESS: '2'
  })
  const from = (address: string) => async (path: string, input: object) => (
    inject({ url: path, headers: { 'x-client': address }, payload: { input } })
  )
  const [one, other] = [from('203.0.113.1'), from('203.0.113.2')]
  const reset = { token: 'x', password: 'another-password' }
  for (const status of [400, 400, 429]) t.match(await one('/reset-password', reset), { status })
  t.match(await other('/reset-password', reset), { status: 400 })

  for (const email of ['1@b.test', '2@b.test', '3@b.test', '4@b.test']) {
    t.match(await one('/request-password-reset', { email }), { status: 200, body: { ok: true } })
  }
  t.match(await other('/request-password-reset', { email: 'last@b.test' }), { status: 200, body: { ok: true } })
  const lookedUp = () => asked.map(({ variables }) => variables['email'])
  while (!lookedUp().includes('last@b.test')) await new Promise(setImmediate)
  t.strictSame(lookedUp(), ['1@b.test', '2@b.test', 'last@b.test'])
})

t.test('Hasura forwards the header with the client\'s address', async (t) => {
  const from = (address: string) => ({ headers: { 'x-client': address } })
  for (const code of ['invalid-token', 'invalid-token', 'rate-limited']) {
    t.equal(await resetPassword('x', 'another-password', from('203.0.113.1')), code)
  }
  t.equal(await resetPassword('x', 'another-password', from('203.0.113.2')), 'invalid-token')
})

t.test('without SMTP_URL, both actions are not configured', async (t) => {
  const { call } = await service(t, tokenSecret)
  const error = failure('not-configured', 'There is no mail: set SMTP_URL')
  t.strictSame(await call('/request-password-reset', { email: 'ann@b.test' }), { status: 400, body: error })
  t.strictSame(await call('/reset-password', { token: 'x', password }), { status: 400, body: error })
})
