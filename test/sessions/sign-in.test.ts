import { hash } from '@node-rs/argon2'
import { decodeJwt } from 'jose'
import t from 'tap'
import { replace } from '../support/replace.ts'
import { failure, hasuraOf, service } from '../support/service.ts'
import { password, tokenSecret } from '../support/sessions.ts'

const stored = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
const outdated = await hash(password, { memoryCost: 16, timeCost: 1, parallelism: 1 })
const row = { id: 7, email: 'a@b.test', password: stored, default_role: 'user', disabled_at: null, roles: [] }
const found = { UserByEmail: { data: { user: [row] } } }
const input = { email: 'a@b.test', password }
const invalid = { status: 401, body: failure('invalid-credentials', 'Invalid credentials') }

const started = (rows: number) => ({ data: { update_user: { affected_rows: rows } } })
const failed = (code: string, message: string) => ({ errors: [{ message, extensions: { code, path: '$' } }] })

t.test('with TOKEN_SECRET one more call, without it none', async (t) => {
  const table: Array<[object, string[], string[]]> = [
    [{}, ['UserByEmail'], ['token']],
    [tokenSecret, ['UserByEmail', 'StartSession'], ['expires_in', 'refresh_token', 'session_id', 'token']],
    [{ ...tokenSecret, REFRESH_COOKIE: 'on' }, ['UserByEmail', 'StartSession'], ['expires_in', 'session_id', 'token']]
  ]
  for (const [env, operations, keys] of table) {
    const { url, asked } = await hasuraOf(t, { ...found, StartSession: started(1) })
    const { inject } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
    const { status, headers, body } = await inject({ url: '/login', payload: { input } })
    t.strictSame([status, headers['cache-control'], Object.keys(body as object).sort()], [200, 'no-store', keys])
    t.strictSame(asked.map(({ operation }) => operation), operations)
  }
})

t.test('the session begins now, and the mutation repeats the email and the hash that were verified', async (t) => {
  const { url, asked } = await hasuraOf(t, { ...found, StartSession: started(1) })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url, SESSION_TTL_SECONDS: '600', SESSION_IDLE_SECONDS: '60' })
  const { body } = await inject({ url: '/login', payload: { input } })
  const variables = asked.at(-1)?.variables as Record<'now' | 'idle_expires_at' | 'expires_at', string>
  const { session_id: id } = body as { session_id: string }
  t.match(variables, { user_id: 7, email: 'a@b.test', verified_hash: stored, session_id: id, user_agent: null })
  const now = Date.parse(variables.now)
  t.equal(Date.parse(variables.idle_expires_at), now + 60_000)
  t.equal(Date.parse(variables.expires_at), (Math.floor(now / 1000) + 600) * 1000, 'in whole seconds')
})

t.test('expires_in is right to the second, however long Hasura takes to store the session and the new hash', async (t) => {
  let now = Date.parse('2026-01-01T00:00:00.900Z')
  replace(t, Date, 'now', () => now)
  const answers: Record<string, unknown> = { UserByEmail: { data: { user: [{ ...row, password: outdated }] } } }
  const { url } = await hasuraOf(t, answers)
  const slowly = (answer: object) => {
    now += 3000
    return answer
  }
  Object.defineProperty(answers, 'StartSession', { get: () => slowly(started(1)) })
  Object.defineProperty(answers, 'UpdatePassword', { get: () => slowly(started(1)) })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const { body } = await inject({ url: '/login', payload: { input } })
  const { token, expires_in: expiresIn } = body as { token: string, expires_in: number }
  t.equal(decodeJwt(token).exp, Math.floor(now / 1000) + expiresIn)
})

t.test('the user agent that Hasura forwards is stored, its first 200 characters', async (t) => {
  const { url, asked } = await hasuraOf(t, { ...found, StartSession: started(1) })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  const table: Array<[Record<string, string>, string | null]> = [
    [{}, null],
    [{ 'user-agent': 'hasura-graphql-engine' }, null],
    [{ 'x-forwarded-user-agent': '' }, ''],
    [{ 'x-forwarded-user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' }, 'Mozilla/5.0 (X11; Linux x86_64)'],
    [{ 'x-forwarded-user-agent': 'x'.repeat(201) }, 'x'.repeat(200)],
    [{ 'x-forwarded-user-agent': 'caf\u00e9 "\\\' --;' }, 'caf\u00e9 "\\\' --;']
  ]
  for (const [headers, expected] of table) {
    await inject({ url: '/login', headers, payload: { input } })
    t.equal(asked.at(-1)?.variables['user_agent'], expected, JSON.stringify(headers))
  }
})

t.test('if the user has changed since the lookup, the password is verified once more', async (t) => {
  const table: Array<[string, unknown]> = [
    ['the hash is another one, or the user is disabled', started(0)],
    ['no answer for the update', { data: { update_user: null } }],
    ['the user was deleted', failed('constraint-violation', 'Foreign key violation. insert or update on table "user_session" '
    + 'violates foreign key constraint "user_session_user_id_fkey"')]
  ]
  for (const cookie of ['on', 'off']) {
    for (const [name, answer] of table) {
      const { url, asked } = await hasuraOf(t, { ...found, StartSession: answer })
      const { inject } = await service(t, { ...tokenSecret, REFRESH_COOKIE: cookie, HASURA_GRAPHQL_ENDPOINT: url })
      const { status, headers, body } = await inject({ url: '/login', payload: { input } })
      t.strictSame({ status, body }, invalid, name)
      t.notOk('set-cookie' in headers, name)
      t.strictSame(asked.map(({ operation }) => operation), ['UserByEmail', 'StartSession', 'UserByEmail', 'StartSession'], name)
    }
  }
})

t.test('the second attempt succeeds with the hash that another login has stored', async (t) => {
  const answers: Record<string, unknown> = { StartSession: started(1) }
  const { url, asked } = await hasuraOf(t, answers)
  // The row changes between the two lookups, and the session starts only with the new hash.
  let lookups = 0
  Object.defineProperty(answers, 'UserByEmail', {
    get: () => ({ data: { user: [{ ...row, password: lookups++ === 0 ? outdated : stored }] } })
  })
  Object.defineProperty(answers, 'StartSession', {
    get: () => started(asked.at(-1)?.variables['verified_hash'] === stored ? 1 : 0)
  })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  t.match(await inject({ url: '/login', payload: { input } }), { status: 200, body: { token: String, refresh_token: String } })
  t.strictSame(asked.map(({ operation }) => operation), ['UserByEmail', 'StartSession', 'UserByEmail', 'StartSession'],
    'the outdated hash is not renewed by the attempt that lost')
})

t.test('an outdated hash is renewed after the session has started', async (t) => {
  const { url, asked } = await hasuraOf(t, {
    UserByEmail: { data: { user: [{ ...row, password: outdated }] } },
    StartSession: started(1),
    UpdatePassword: { data: { update_user: { affected_rows: 1 } } }
  })
  const { inject } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  t.match(await inject({ url: '/login', payload: { input } }), { status: 200 })
  t.strictSame(asked.map(({ operation }) => operation), ['UserByEmail', 'StartSession', 'UpdatePassword'])
})

t.test('a disabled user gets no session', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [{ ...row, disabled_at: '2026-01-01T00:00:00Z' }] } } })
  for (const env of [{}, tokenSecret]) {
    const { call } = await service(t, { ...env, HASURA_GRAPHQL_ENDPOINT: url })
    t.strictSame(await call('/login', input), invalid)
  }
  t.strictSame(asked.map(({ operation }) => operation), ['UserByEmail', 'UserByEmail'])
})

t.test('an error of Hasura does not count as a wrong password, and sets no cookie', async (t) => {
  const table: Array<[unknown, number]> = [
    [failed('constraint-violation', 'Uniqueness violation. duplicate key value violates unique constraint "user_session_pkey"'), 500],
    [failed('unexpected', 'no'), 500],
    ['not GraphQL', 502]
  ]
  for (const [answer, expected] of table) {
    const { url } = await hasuraOf(t, { ...found, StartSession: answer })
    const { inject } = await service(t, { ...tokenSecret, REFRESH_COOKIE: 'on', HASURA_GRAPHQL_ENDPOINT: url })
    const { status, headers } = await inject({ url: '/login', payload: { input } })
    t.strictSame([status, headers['set-cookie']], [expected, undefined])
  }
})

t.test('an id that JSON has rounded starts no session', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [{ ...row, id: 2 ** 53 }] } } })
  const { call } = await service(t, { ...tokenSecret, HASURA_GRAPHQL_ENDPOINT: url })
  t.match(await call('/login', input), { status: 500 })
  t.strictSame(asked.map(({ operation }) => operation), ['UserByEmail'])
})
