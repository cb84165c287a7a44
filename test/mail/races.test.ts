import t from 'tap'
import type { Test } from 'tap'
import { inboxOf, subjects } from '../support/mail.ts'
import { noServer } from '../support/postgres.ts'
import { sandboxOnServer } from '../support/sandbox.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

/** A sandbox on a PostgreSQL server, its clients and mails, and `inOrder` for two requests that change one user. */
async function start (t: Test) {
  const { hasuraUrl, inOrder } = await sandboxOnServer(t, { env: tokenSecret })
  return {
    ...clientsOf(hasuraUrl),
    ...inboxOf(hasuraUrl),
    inOrder: async (email: string, first: () => Promise<unknown>, second: () => Promise<unknown>) => (
      inOrder(`public."user" WHERE email = '${email}'`, first, second)
    )
  }
}

const rounds = 20
const done = { ok: true }

t.test('of two resets with one link, exactly one succeeds', { skip: noServer }, async (t) => {
  const { inOrder, login, requestReset, resetPassword, signup, tokenTo } = await start(t)
  for (let round = 0; round < rounds; round++) {
    const email = `reset${round}@b.test`
    await signup(email)
    await requestReset(email)
    const token = await tokenTo(email, subjects.reset)
    const [one, two] = [async () => resetPassword(token, 'first-password'), async () => resetPassword(token, 'second-password')]
    const isForced = round % 2 === 0
    const results = isForced ? await inOrder(email, one, two) : await Promise.all([one(), two()])
    const winner = results.findIndex(result => result !== 'invalid-token')
    t.strictSame(results, winner === 0 ? [done, 'invalid-token'] : ['invalid-token', done])
    if (isForced) t.equal(winner, 0)
    const [right, wrong] = winner === 0 ? ['first-password', 'second-password'] : ['second-password', 'first-password']
    t.match(await login(email, { password: right }), { token: String })
    t.equal(await login(email, { password: wrong }), 'invalid-credentials')
  }
})

t.test('a reset ends the session of a login with the old password, in both orders', { skip: noServer }, async (t) => {
  const { ends, inOrder, login, refresh, requestReset, resetPassword, signup, tokenTo } = await start(t)
  for (let round = 0; round < rounds; round++) {
    const email = `login${round}@b.test`
    await signup(email)
    await requestReset(email)
    const token = await tokenTo(email, subjects.reset)
    const logIn = async () => login(email)
    const reset = async () => resetPassword(token, 'another-password')
    if (round % 2 === 0) {
      const [loggedIn, changed] = await inOrder(email, logIn, reset)
      t.strictSame(changed, done)
      t.equal(await refresh(tokensOf(t, loggedIn).refresh_token), 'invalid-refresh-token')
      t.strictSame(await ends(email), ['password-changed'])
    } else {
      t.strictSame(await inOrder(email, reset, logIn), [done, 'invalid-credentials'])
      t.strictSame(await ends(email), [])
    }
  }
})

t.test('of two uses of a link that verifies or changes the email, exactly one succeeds', { skip: noServer }, async (t) => {
  const clients = await start(t)
  const { asAdmin, changeEmail, confirmEmailChange, ends, inOrder, login, signup, tokenTo, verifyEmail } = clients
  for (let round = 0; round < rounds; round++) {
    const email = `link${round}@b.test`
    await signup(email)
    const { token: access } = tokensOf(t, await login(email))
    const verification = await tokenTo(email, subjects.verify)
    const verify = async () => verifyEmail(verification, { token: access })
    t.strictSame(await inOrder(email, verify, verify), [done, 'invalid-token'])

    await changeEmail(`new-${email}`, { token: access })
    const link = await tokenTo(`new-${email}`, subjects.change)
    const confirm = async () => confirmEmailChange(link, { token: access })
    // The first one ends the session of the second.
    t.strictSame(await inOrder(email, confirm, confirm), [done, 'not-authenticated'])
    t.strictSame(await ends(`new-${email}`), ['email-changed'])
  }
  t.match(await asAdmin('{ user_aggregate(where: { email: { _like: "new-%" } }) { aggregate { count } } }'), {
    data: { user_aggregate: { aggregate: { count: rounds } } }
  })
})

t.test('a link that changes the email does nothing once the password has changed', { skip: noServer }, async (t) => {
  const { changeEmail, changePassword, confirmEmailChange, ends, inOrder, login, signup, tokenTo } = await start(t)
  for (let round = 0; round < rounds; round++) {
    const email = `stolen${round}@b.test`
    await signup(email)
    const thief = tokensOf(t, await login(email)).token
    const owner = tokensOf(t, await login(email)).token
    await changeEmail(`thief-${email}`, { token: thief })
    const link = await tokenTo(`thief-${email}`, subjects.change)
    const change = async () => changePassword(password, 'another-password', { token: owner })
    const [changed, confirmed] = await inOrder(email, change, async () => confirmEmailChange(link, { token: thief }))
    tokensOf(t, changed)
    t.equal(confirmed, 'not-authenticated')
    t.strictSame(await ends(email), ['password-changed', 'password-changed', null])
  }
})

t.test('a changed email ends the session of a login with the old one, in both orders', { skip: noServer }, async (t) => {
  const { changeEmail, confirmEmailChange, ends, inOrder, login, signup, tokenTo } = await start(t)
  for (let round = 0; round < rounds; round++) {
    const email = `moves${round}@b.test`
    await signup(email)
    const { token } = tokensOf(t, await login(email))
    await changeEmail(`moved-${email}`, { token })
    const link = await tokenTo(`moved-${email}`, subjects.change)
    const confirm = async () => confirmEmailChange(link, { token })
    const logIn = async () => login(email)
    if (round % 2 === 0) {
      t.strictSame(await inOrder(email, confirm, logIn), [done, 'invalid-credentials'])
      t.strictSame(await ends(`moved-${email}`), ['email-changed'])
    } else {
      const [loggedIn, confirmed] = await inOrder(email, logIn, confirm)
      tokensOf(t, loggedIn)
      t.strictSame(confirmed, done)
      t.strictSame(await ends(`moved-${email}`), ['email-changed', 'email-changed'])
    }
  }
})

t.test('a deleted account has no session, whatever happens at the same moment', { skip: noServer }, async (t) => {
  const { age, asAdmin, changePassword, deleteAccount, inOrder, login, refresh, signup } = await start(t)
  for (let round = 0; round < rounds; round++) {
    const email = `deleted${round}@b.test`
    await signup(email)
    const { token, refresh_token: refreshToken, session_id: id } = tokensOf(t, await login(email))
    await age(id, 61)
    const others: Array<[() => Promise<unknown>, string]> = [
      [async () => login(email), 'invalid-credentials'],
      [async () => changePassword(password, 'another-password', { token }), 'not-authenticated'],
      [async () => refresh(refreshToken), 'invalid-refresh-token']
    ]
    const [other, refused] = others[round % others.length] ?? [async () => undefined, '']
    const isRefresh = refused === 'invalid-refresh-token'
    const remove = async () => deleteAccount({ token })
    const results = isRefresh ? await Promise.all([remove(), other()]) : await inOrder(email, remove, other)
    t.strictSame(results[0], done)
    if (!isRefresh) t.equal(results[1], refused)
    t.equal(await refresh(refreshToken), 'invalid-refresh-token')
  }
  t.match(await asAdmin('{ user_session { id } }'), { data: { user_session: [] } })
})
