import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { createRefreshTokens } from '../../src/sessions/refresh-token.ts'
import { sandbox } from '../support/sandbox.ts'
import { failure, hasuraOf, service, settings } from '../support/service.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'
import { skipSlow } from '../support/slow.ts'

const { encode } = createRefreshTokens([tokenSecret.TOKEN_SECRET])
const id = '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6'
const soon = Math.floor(Date.now() / 1000) + 86_400
const tokenOf = (generation: number) => encode({ sessionId: id, generation, expiresAt: soon })
const user = { id: 7, default_role: 'user', disabled_at: null, roles: [] }
const none = { returning: [] }
const swapped = { data: { swap: { returning: [{ user }] }, reuse: none } }
const refused = failure('invalid-refresh-token', 'The refresh token is invalid: log in again')

/** The service on a Hasura that changes nothing, and finds the session in this generation, if any. */
async function inGrace (t: Test, generation?: number) {
  const { url, asked } = await hasuraOf(t, {
    RefreshSession: { data: { swap: none, reuse: none } },
    SessionInGrace: { data: { user_session: generation === undefined ? [] : [{ generation, user }] } }
  })
  return { asked, ...await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url }) }
}

t.test('one call for a refresh, and the answer must not be stored', async (t) => {
  const { url, asked } = await hasuraOf(t, { RefreshSession: swapped })
  const times = { REFRESH_GRACE_SECONDS: '100', SESSION_IDLE_SECONDS: '1000' }
  const { inject, log } = await service(t, { ...tokenSecret, ...times, HASURA_GRAPHQL_ENDPOINT: url })
  const { status, headers, body } = await inject({ url: '/refresh', payload: { input: { refresh_token: tokenOf(3) } } })
  t.strictSame([status, headers['cache-control']], [200, 'no-store'])
  t.match(body, { token: String, expires_in: 900, session_id: id })
  t.equal((body as { refresh_token: string }).refresh_token, tokenOf(4))
  t.strictSame(asked.map(({ operation }) => operation), ['RefreshSession'])
  t.match(log().at(-1), { event: 'refresh', userId: 7, outcome: 'success' })
  const variables = asked[0]?.variables as Record<'now' | 'grace_start' | 'idle_expires_at', string>
  t.match(variables, { id, generation: 3, next_generation: 4 })
  const now = Date.parse(variables.now)
  t.equal(Date.parse(variables.grace_start), now - 100_000)
  t.equal(Date.parse(variables.idle_expires_at), now + 1_000_000)
})

t.test('two calls within the grace', async (t) => {
  for (const [generation, expected] of [[4, tokenOf(4)], [3, undefined]] as const) {
    const { asked, inject, log } = await inGrace(t, generation)
    const { status, headers, body } = await inject({ url: '/refresh', payload: { input: { refresh_token: tokenOf(3) } } })
    t.strictSame([status, headers['cache-control']], [200, 'no-store'])
    t.match(body, { token: String, expires_in: 900, session_id: id })
    t.equal((body as { refresh_token?: string }).refresh_token, expected)
    t.strictSame(asked.map(({ operation }) => operation), ['RefreshSession', 'SessionInGrace'])
    t.match(asked[1]?.variables, { id, generations: [3, 4] })
    t.match(log().at(-1), { event: 'refresh', userId: 7, outcome: 'success' })
  }
})

t.test('a session that is not alive is refused, whatever Hasura answers for the updates', async (t) => {
  for (const answer of [{ swap: none, reuse: none }, { swap: null, reuse: null }]) {
    const { url } = await hasuraOf(t, {
      RefreshSession: { data: answer }, SessionInGrace: { data: { user_session: [] } }
    })
    const { call } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
    t.strictSame(await call('/refresh', { refresh_token: tokenOf(3) }), { status: 401, body: refused })
  }
})

t.test('no call for a token that is absent, malformed, forged or expired', async (t) => {
  const { asked, inject } = await inGrace(t, 3)
  const { encode: forge } = createRefreshTokens(['another-token-secret-of-32-characters'])
  const forged = forge({ sessionId: id, generation: 3, expiresAt: soon })
  const now = Math.floor(Date.now() / 1000)
  const expired = [now, now - 1, 0].map(expiresAt => encode({ sessionId: id, generation: 3, expiresAt }))
  for (const refresh_token of [undefined, null, '', 'x', `${tokenOf(3)}A`, tokenOf(3).slice(1), forged, ...expired]) {
    const { status, headers, body } = await inject({ url: '/refresh', payload: { input: { refresh_token } } })
    t.strictSame([status, headers['cache-control'], body], [401, 'no-store', refused], String(refresh_token))
  }
  t.strictSame(asked, [])
})

t.test('an outage of Hasura is an error that does not log anybody out', async (t) => {
  const { call } = await service(t, tokenSecret)
  const body = failure('hasura-unavailable', 'Hasura is unavailable')
  t.strictSame(await call('/refresh', { refresh_token: tokenOf(3) }), { status: 502, body })
})

t.test('the reuse of a token is one line in the log, without a token, and counted', async (t) => {
  const reused = { data: { swap: none, reuse: { returning: [{ user_id: 7 }] } } }
  const { url } = await hasuraOf(t, { RefreshSession: reused })
  const { call, fastify, log } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const pattern = /^hasura_jwt_auth_refresh_token_reuse_total (\d+)$/m
  const count = async () => pattern.exec(await fastify.metrics.metrics())?.[1]
  t.equal(await count(), '0')
  t.strictSame(await call('/refresh', { refresh_token: tokenOf(3) }), { status: 401, body: refused })
  t.equal(await count(), '1')
  const warnings = log().filter(({ level }) => Number(level) >= 40)
  t.match(warnings, [{ level: 40, userId: 7, sessionId: id, msg: 'an old refresh token was used again: the session ends' }])
  t.equal(warnings.length, 1)
  t.match(log().at(-1), { msg: 'request', event: 'refresh', userId: 7, code: 'invalid-refresh-token' })
  for (const secret of [tokenOf(3), tokenOf(4), tokenSecret.TOKEN_SECRET]) t.notMatch(JSON.stringify(log()), secret)
})

t.test('a grace below 30 seconds is a warning at the start, if there are sessions', async (t) => {
  const message = 'REFRESH_GRACE_SECONDS is below 30: a client on a slow connection can lose its session'
  const table: Array<[Record<string, string>, boolean]> = [
    [{ ...tokenSecret, REFRESH_GRACE_SECONDS: '0' }, true],
    [{ ...tokenSecret, REFRESH_GRACE_SECONDS: '29' }, true],
    [{ ...tokenSecret, REFRESH_GRACE_SECONDS: '30' }, false],
    [tokenSecret, false],
    [{ REFRESH_GRACE_SECONDS: '0' }, false]
  ]
  for (const [env, isExpected] of table) {
    const { log } = await service(t, env)
    t.equal(log().some(({ level, msg }) => level === 40 && msg === message), isExpected, JSON.stringify(env))
  }
})

t.test('expires_in is the lifetime of the access token', async (t) => {
  const { url } = await hasuraOf(t, { RefreshSession: swapped })
  const { call } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url, ACCESS_TOKEN_TTL_SECONDS: '77' })
  t.match((await call('/refresh', { refresh_token: tokenOf(3) })).body, { expires_in: 77 })
})

t.test('thief and owner, in each order: a copy is noticed at its first use after the grace', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })
  const { age, ends, login, refresh, signup } = clientsOf(hasuraUrl)
  // Both begin with the token of the login. "wait" lets the grace pass. "!" is a refresh that is refused.
  const table: Array<[string, string | null]> = [
    ['wait thief wait owner! thief!', 'reuse'],
    ['wait owner wait thief! owner!', 'reuse'],
    ['wait owner wait owner thief! owner!', 'reuse'],
    ['wait thief wait thief owner! thief!', 'reuse'],
    ['wait thief wait thief wait thief wait owner! thief!', 'reuse'],
    // Within the grace, a copy looks like a lost answer: both get the same token. It is noticed later.
    ['wait owner thief owner thief', null],
    ['owner thief wait owner thief wait thief owner', null],
    ['wait owner thief wait thief wait owner! thief!', 'reuse'],
    ['wait thief owner wait owner wait thief! owner!', 'reuse']
  ]
  for (const [index, [orders, end]] of table.entries()) {
    const email = `order${index}@b.test`
    await signup(email)
    const { refresh_token: first, session_id: id } = tokensOf(t, await login(email))
    const tokens = new Map([['thief', first], ['owner', first]])
    for (const [step, order] of orders.split(' ').entries()) {
      if (order === 'wait') {
        await age(id, 61)
        continue
      }
      const who = order.replace('!', '')
      const answer = await refresh(tokens.get(who))
      const name = `${orders}, step ${step}`
      if (order.endsWith('!')) t.equal(answer, 'invalid-refresh-token', name)
      else {
        t.match(answer, { token: String }, name)
        const { refresh_token: next } = tokensOf(t, answer)
        if (typeof next === 'string') tokens.set(who, next)
      }
    }
    t.strictSame(await ends(email), [end], orders)
  }
})

t.test('replacing TOKEN_SECRET in the documented steps, replica by replica under load, ends no session', { skip: skipSlow }, async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })
  const { age, ends, login, signup } = clientsOf(hasuraUrl)
  const [old, fresh] = [tokenSecret.TOKEN_SECRET, 'another-token-secret-of-32-characters-or-more']
  const steps: Array<Record<string, string>> = [
    { TOKEN_SECRET: old, TOKEN_SECRET_PREVIOUS: fresh },
    { TOKEN_SECRET: fresh, TOKEN_SECRET_PREVIOUS: old },
    { TOKEN_SECRET: fresh }
  ]
  const start = async (env: Record<string, string>) => {
    const { fastify } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: hasuraUrl })
    return { url: await fastify.listen({ host: '127.0.0.1', port: 0 }), close: async () => fastify.close() }
  }
  const replicas = [await start(tokenSecret), await start(tokenSecret), await start(tokenSecret)]
  const headers = { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET }

  /** One refresh on some replica. A replica that stops may lose the answer: then the client repeats the request. */
  const refreshOn = async (replica: number, token: string): Promise<string> => {
    const body = JSON.stringify({ input: { refresh_token: token } })
    for (let attempt = replica; ; attempt++) {
      const { url = '' } = replicas[attempt % replicas.length] ?? {}
      const answer = await fetch(`${url}/refresh`, { method: 'POST', headers, body }).catch(() => undefined)
      if (answer === undefined || answer.status === 502) continue
      const tokens = await answer.json() as { refresh_token?: string }
      t.equal(answer.status, 200, JSON.stringify(tokens))
      return tokens.refresh_token ?? token
    }
  }
  let isLoaded = true
  const clients = await Promise.all(Array.from({ length: 3 }, async (_, index) => {
    const email = `client${index}@b.test`
    await signup(email)
    const { refresh_token: token, session_id: sessionId } = tokensOf(t, await login(email))
    return { email, token, sessionId, refreshes: 0 }
  }))
  const load = Promise.all(clients.map(async (client, index) => {
    while (isLoaded) {
      await age(client.sessionId, 61)
      // Two tabs at once. During a step their answers differ, and the client goes on with either.
      const tabs = [0, 1].map(async tab => refreshOn(index + client.refreshes + tab, client.token))
      const answers = await Promise.all(tabs)
      client.token = answers[client.refreshes % 2] ?? ''
      client.refreshes++
    }
  }))
  /** Lets every client refresh on every replica: two refreshes of two tabs reach all three. One may have begun. */
  const settle = async (): Promise<void> => {
    const enough = clients.map(({ refreshes }) => refreshes + 3)
    while (clients.some(({ refreshes }, index) => refreshes < Number(enough[index]))) await after(5)
  }
  for (const env of steps) {
    for (const index of replicas.keys()) {
      await settle()
      const [stopped] = replicas.splice(index, 1, await start(env))
      await stopped?.close()
    }
  }
  await settle()
  isLoaded = false
  await load
  for (const { email } of clients) t.strictSame(await ends(email), [null])
})
