import { randomInt } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import { RefreshSessionDocument, SessionInGraceDocument } from '../../src/generated/operations.ts'
import { decideRefresh } from '../../src/sessions/decide-refresh.ts'
import { noServer } from '../support/postgres.ts'
import { sandboxOnServer } from '../support/sandbox.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

const limits = { LOGIN_LIMIT_PER_ACCOUNT: '1000000', LOGIN_LIMIT_PER_ADDRESS: '1000000' }

/** A sandbox on a PostgreSQL server, its clients, and a lock that makes statements wait in an order. */
async function start (t: Test) {
  const running = await sandboxOnServer(t, { env: { ...tokenSecret, ...limits } })
  const clients = clientsOf(running.hasuraUrl)
  const { sql, blocked, inOrder } = running
  return {
    ...clients,
    sql,
    inOrder,
    /** Runs `work`, and `change` in the transaction that it waits for. */
    behind: async (row: string, work: () => Promise<unknown>, change: string) => {
      await sql.query('BEGIN')
      await sql.query(`SELECT FROM ${row} FOR UPDATE`)
      const result = work()
      await blocked(1)
      await sql.query(change)
      await sql.query('COMMIT')
      return result
    },
    setHash: async (email: string, stored: string) => sql.query('UPDATE "user" SET password = $2 WHERE email = $1', [email, stored])
  }
}

const rowOf = (email: string): string => `public."user" WHERE email = '${email}'`
const rounds = { forced: 60, free: 120 }

t.test('a password change ends the session of a login with the old password, in both orders', { skip: noServer }, async (t) => {
  const { changePassword, ends, inOrder, login, refresh, signup } = await start(t)
  for (let round = 0; round < rounds.forced; round++) {
    const email = `order${round}@b.test`
    await signup(email)
    const { token } = tokensOf(t, await login(email))
    const logIn = async () => login(email)
    const change = async () => changePassword(password, 'another-password', { token })
    if (round % 2 === 0) {
      const [loggedIn, changed] = await inOrder(rowOf(email), logIn, change)
      t.equal(await refresh(tokensOf(t, loggedIn).refresh_token), 'invalid-refresh-token')
      t.match(await refresh(tokensOf(t, changed).refresh_token), { token: String })
      t.strictSame(await ends(email), ['password-changed', 'password-changed', null])
    } else {
      const [changed, loggedIn] = await inOrder(rowOf(email), change, logIn)
      t.equal(loggedIn, 'invalid-credentials')
      t.match(await refresh(tokensOf(t, changed).refresh_token), { token: String })
      t.strictSame(await ends(email), ['password-changed', null])
    }
  }
})

t.test('a password change at the same time as logins with the old password', { skip: noServer }, async (t) => {
  const { changePassword, ends, login, refresh, signup } = await start(t)
  for (let round = 0; round < rounds.free; round++) {
    const email = `free${round}@b.test`
    await signup(email)
    const { token } = tokensOf(t, await login(email))
    const [changed, ...loggedIn] = await Promise.all([
      changePassword(password, 'another-password', { token }), login(email), login(email)
    ])
    t.match(await refresh(tokensOf(t, changed).refresh_token), { token: String })
    for (const answer of loggedIn) {
      if (answer === 'invalid-credentials') continue
      t.equal(await refresh(tokensOf(t, answer).refresh_token), 'invalid-refresh-token')
    }
    t.equal((await ends(email)).filter(reason => reason === null).length, 1, 'only the session of the new password is alive')
  }
})

t.test('the right password is never refused while another login renews the hash', { skip: noServer }, async (t) => {
  const { behind, changePassword, login, setHash, signup } = await start(t)
  const outdated = await hash(password, { memoryCost: 16, timeCost: 1, parallelism: 1 })
  await signup('renew@b.test')
  for (let round = 0; round < rounds.free; round++) {
    await setHash('renew@b.test', outdated)
    for (const answer of await Promise.all([login('renew@b.test'), login('renew@b.test')])) tokensOf(t, answer)
  }
  for (let round = 0; round < 20; round++) {
    const renewed = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
    const change = `UPDATE "user" SET password = '${renewed}' WHERE email = 'renew@b.test'`
    const { token } = tokensOf(t, await behind(rowOf('renew@b.test'), async () => login('renew@b.test'), change))
    const again = change.replace(renewed, await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 }))
    tokensOf(t, await behind(rowOf('renew@b.test'), async () => changePassword(password, password, { token }), again))
  }
})

t.test('disabling a user ends all sessions, even if it is undone at once', { skip: noServer }, async (t) => {
  const { asAdmin, behind, ends, inOrder, login, refresh, signup } = await start(t)
  const disable = 'UPDATE "user" SET disabled_at = now() WHERE email = '
  for (let round = 0; round < rounds.forced; round++) {
    const email = `disable${round}@b.test`
    await signup(email)
    const before = tokensOf(t, await login(email))
    if (round % 3 === 0) {
      t.equal(await behind(rowOf(email), async () => login(email), `${disable}'${email}'`), 'invalid-credentials')
      t.strictSame(await ends(email), ['disabled'])
    } else if (round % 3 === 1) {
      const undone = `${disable}'${email}'; UPDATE "user" SET disabled_at = NULL WHERE email = '${email}'`
      const after = tokensOf(t, await behind(rowOf(email), async () => login(email), undone))
      t.match(await refresh(after.refresh_token), { token: String })
      t.strictSame(await ends(email), ['disabled', null])
    } else {
      const byOperator = async () => asAdmin(`mutation { update_user(where: { email: { _eq: "${email}" } },
        _set: { disabled_at: "2026-01-01T00:00:00Z" }) { affected_rows } }`)
      const [loggedIn] = await inOrder(rowOf(email), async () => login(email), byOperator)
      t.equal(await refresh(tokensOf(t, loggedIn).refresh_token), 'invalid-refresh-token')
      t.strictSame(await ends(email), ['disabled', 'disabled'])
    }
    t.equal(await refresh(before.refresh_token), 'invalid-refresh-token')
  }
})

t.test('a user who is deleted during a login is unknown', { skip: noServer }, async (t) => {
  const { asAdmin, behind, login, signup } = await start(t)
  for (let round = 0; round < 20; round++) {
    const email = `delete${round}@b.test`
    await signup(email)
    const deletion = `DELETE FROM "user" WHERE email = '${email}'`
    t.equal(await behind(rowOf(email), async () => login(email), deletion), 'invalid-credentials')
  }
  t.match(await asAdmin('{ user_session { id } }'), { data: { user_session: [] } })
})

t.test('a log-out during a refresh ends the session, in both orders', { skip: noServer }, async (t) => {
  const { age, ends, inOrder, login, logout, refresh, signup } = await start(t)
  await signup('logout@b.test')
  for (let round = 0; round < rounds.forced; round++) {
    const { refresh_token: token, session_id: id } = tokensOf(t, await login('logout@b.test'))
    await age(id, 61)
    const row = `public.user_session WHERE id = '${id}'`
    const refreshIt = async () => refresh(token)
    const logOut = async () => logout({ t: token })
    if (round % 2 === 0) {
      const [refreshed, done] = await inOrder(row, refreshIt, logOut)
      t.strictSame(done, { ok: true })
      t.equal(await refresh(tokensOf(t, refreshed).refresh_token), 'invalid-refresh-token')
    } else {
      const [done, refreshed] = await inOrder(row, logOut, refreshIt)
      t.strictSame([done, refreshed], [{ ok: true }, 'invalid-refresh-token'])
    }
    t.equal((await ends('logout@b.test')).at(-1), 'logout')
  }
})

t.test('refreshes with one token at the same time get the same new one', { skip: noServer }, async (t) => {
  const { age, inOrder, login, refresh, signup } = await start(t)
  await signup('same@b.test')
  const first = tokensOf(t, await login('same@b.test'))
  const id = first.session_id
  let token = first.refresh_token
  for (let round = 0; round < rounds.forced; round++) {
    await age(id, 61)
    const [one, two] = await inOrder(`public.user_session WHERE id = '${id}'`, async () => refresh(token), async () => refresh(token))
    t.equal(tokensOf(t, one).refresh_token, tokensOf(t, two).refresh_token)
    token = tokensOf(t, one).refresh_token
  }
})

t.test('twenty tabs that share one cookie jar never lose their session', { skip: noServer }, async (t) => {
  const { age, ends, login, refresh, signup } = await start(t)
  await signup('tabs@b.test')
  const { refresh_token: first, session_id: id } = tokensOf(t, await login('tabs@b.test'))
  let jar = first
  for (let restore = 0; restore < 200; restore++) {
    await age(id, 61)
    await Promise.all(Array.from({ length: 20 }, async () => {
      await after(randomInt(20))
      const answer = await refresh(jar)
      await after(randomInt(20))
      const { refresh_token: token } = tokensOf(t, answer)
      if (typeof token === 'string') jar = token
    }))
  }
  t.strictSame(await ends('tabs@b.test'), [null])
})

t.test('the mutation decides as decideRefresh does', { skip: noServer }, async (t) => {
  const { graphql, login, signup } = await start(t)
  await signup('decide@b.test')
  const { session_id: id } = tokensOf(t, await login('decide@b.test'))
  const headers = { 'x-hasura-admin-secret': 'admin-secret-of-the-tests' }
  const now = Date.now()
  const graceStart = now - 60_000
  const iso = (milliseconds: number): string => new Date(milliseconds).toISOString()
  const presented = 5

  for (const generation of [3, 4, 5, 6, 7, 8]) {
    for (const refreshedAt of [graceStart - 60_000, graceStart - 1, graceStart, graceStart + 1, now, now + 1000]) {
      await graphql(`mutation ($id: uuid!, $generation: Int!, $t: timestamptz!) { update_user_session_by_pk(pk_columns: { id: $id },
        _set: { generation: $generation, refreshed_at: $t, ended_at: null, ended_because: null }) { id } }`,
      { id, generation, t: iso(refreshedAt) }, { headers })
      const grace = { id, now: iso(now), grace_start: iso(graceStart) }
      const { data } = await graphql(RefreshSessionDocument.toString(), {
        ...grace, generation: presented, next_generation: presented + 1, idle_expires_at: iso(now + 1_000_000)
      }, { headers })
      const { data: found } = await graphql(SessionInGraceDocument.toString(), {
        ...grace, generations: [presented, presented + 1]
      }, { headers })
      const [swapped, reused] = [data?.['swap'], data?.['reuse']].map(field => (field as { returning: unknown[] }).returning.length)
      const [inGrace] = found?.['user_session'] as Array<{ generation: number }>
      const fromGrace = inGrace === undefined ? 'refuse' : inGrace.generation === presented ? 'keep' : 'again'
      const decision = swapped === 1 ? 'swap' : reused === 1 ? 'reuse' : fromGrace
      t.equal(decision, decideRefresh({ generation, refreshedAt }, presented, graceStart), `${generation}, ${refreshedAt - graceStart} ms`)
    }
  }
})
