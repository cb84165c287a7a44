import { request } from 'node:http'
import { json } from 'node:stream/consumers'
import { setImmediate, setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import { decodeJwt } from 'jose'
import t from 'tap'
import { hashThreads } from '../support/hash-threads.ts'
import { sandbox } from '../support/sandbox.ts'
import { failure, hasuraOf, serverOf, service, settings } from '../support/service.ts'

const today = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const invalid = { status: 401, body: failure('invalid-credentials', 'Invalid credentials') }
const good = { email: 'a@b.test', password: 'a-password' }

function user (password: string) {
  return { data: { user: [{ id: 7, password, default_role: 'user', disabled_at: null, roles: [{ role: 'editor' }, { role: 'user' }] }] } }
}

t.test('the right password gives a token with the roles of the database', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: user(await hash('a-password', today)) })
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const payload = { input: { email: ' A@B.test', password: 'a-password' } }
  const { status, headers, body } = await inject({ url: '/login', payload })
  t.equal(status, 200)
  t.equal(headers['cache-control'], 'no-store')
  t.strictSame(Object.keys(body as object), ['token'])
  t.match(decodeJwt((body as { token: string }).token), {
    'sub': '7',
    'https://hasura.io/jwt/claims': {
      'x-hasura-allowed-roles': ['user', 'editor'], 'x-hasura-default-role': 'user', 'x-hasura-user-id': '7'
    }
  })
  t.strictSame(asked.map(({ operation, variables }) => [operation, variables]), [['UserByEmail', { email: 'a@b.test' }]])
})

t.test('roles come from the database only, whatever the request says', async (t) => {
  const password = await hash('a-password', today)
  const table: Array<[string, string[], string[]]> = [
    ['user', [], ['user']],
    ['user', ['user'], ['user']],
    ['editor', ['user'], ['editor', 'user']],
    ['user', ['editor', 'admin'], ['user', 'editor', 'admin']],
    ['admin', ['user', 'admin'], ['admin', 'user']]
  ]
  const session = { 'x-hasura-role': 'admin', 'x-hasura-default-role': 'admin', 'x-hasura-allowed-roles': '["admin"]' }
  for (const [role, others, allowed] of table) {
    const roles = others.map(role => ({ role }))
    const row = { id: 7, password, default_role: role, disabled_at: null, roles }
    const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [row] } } })
    const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    const input = { ...good, email: 'admin@site.com' }
    const payload = { input, session_variables: session, default_role: 'admin', disabled_at: null, roles: ['admin'] }
    const { body } = await inject({ url: '/login', headers: session, payload })
    t.strictSame(decodeJwt((body as { token: string }).token)['https://hasura.io/jwt/claims'], {
      'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': role, 'x-hasura-user-id': '7'
    })
  }
})

t.test('an unknown email, a wrong password and an unreadable hash get the same bytes', async (t) => {
  const refusedHash = '$argon2id$v=19$m=8,t=0,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'
  const table: Record<string, [answer: object, reasons: RegExp[]]> = {
    unknown: [{ data: { user: [] } }, []],
    wrong: [user(await hash('another', today)), []],
    unreadable: [user('legacy'), [/^the hash has an unknown form or too high a cost$/]],
    refused: [user(refusedHash), [/^the hash failed: Time cost is too small$/]]
  }
  for (const [title, [answer, reasons]] of Object.entries(table)) {
    const { url } = await hasuraOf(t, { UserByEmail: answer })
    const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    t.strictSame(await call('/login', good), invalid, title)
    await setImmediate() // The service logs after its answer.
    const errors = log().filter(line => line['level'] === 50)
    t.equal(errors.length, reasons.length, title)
    t.match(errors, reasons.map(message => (
      { msg: 'the stored password hash cannot be read', userId: 7, err: { message } }
    )))
    t.notMatch(JSON.stringify(log()), /legacy|c2FsdHNhbHRzYWx0/, 'the hash is not in the log')
  }
})

t.test('every failed login does the work of one hash at today\'s parameters', async (t) => {
  const { calls } = hashThreads(t)
  const env = { ARGON2_MEMORY_KIB: '16', ARGON2_PASSES: '2' }
  const ofToday = ['verifyArgon2', '$argon2id$v=19$m=16,t=2,p=1']
  const table: Record<string, [answer: object, work: unknown[]]> = {
    wrong: [user(await hash('another', { memoryCost: 16, timeCost: 2, parallelism: 1 })), [ofToday]],
    unknown: [{ data: { user: [] } }, [ofToday]],
    malformed: [user('legacy'), [ofToday]],
    beyond: [user('$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'), [ofToday]],
    // The library refuses it because of t=0, before it does any work.
    refused: [user('$argon2id$v=19$m=8,t=0,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'), [['verifyArgon2', '$argon2id$v=19$m=8,t=0,p=1'], ofToday]]
  }
  for (const [title, [answer, work]] of Object.entries(table)) {
    const { url } = await hasuraOf(t, { UserByEmail: answer })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, ...env })
    const before = calls.length
    t.strictSame(await call('/login', good), invalid, title)
    const parametersOf = (stored: unknown): string => String(stored).split('$').slice(0, -2).join('$')
    t.strictSame(calls.slice(before).map(([name, [stored]]) => [name, parametersOf(stored)]), work, title)
  }
})

t.test('the NFC and NFD forms of a password are equal', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: user(await hash('caf\u00e9-password', today)) })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.equal((await call('/login', { ...good, password: 'cafe\u0301-password' })).status, 200)
})

t.test('a successful login replaces a hash of other parameters, a failed one does not', async (t) => {
  const stored = await hash('a-password', { ...today, timeCost: 2 })
  const { url, asked } = await hasuraOf(t, {
    UserByEmail: user(stored),
    UpdatePassword: { data: { update_user: { affected_rows: 1 } } }
  })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.strictSame(await call('/login', { ...good, password: 'wrong-password' }), invalid)
  t.equal(asked.length, 1)
  t.equal((await call('/login', good)).status, 200)
  t.match(asked[2], {
    operation: 'UpdatePassword',
    variables: { id: 7, verified_hash: stored, new_hash: /^\$argon2id\$v=19\$m=8,t=1,p=1\$/ }
  })
})

t.test('a hash that changes during a login is not overwritten', async (t) => {
  const { as, hasuraUrl } = await sandbox(t)
  const outdated = await hash('a-password', { ...today, timeCost: 2 })
  const setHash = async (stored: string) => as('admin', `mutation {
    update_user(where: { email: { _eq: "admin@site.com" } }, _set: { password: "${stored}" }) { affected_rows }
  }`)
  // Another password, and two ways to lock a user out. Each is set after the login has read the hash.
  for (const changed of [await hash('another-password', today), '', 'locked']) {
    await setHash(outdated)
    const proxy = await serverOf(t, (request, response) => {
      void json(request).then(async (body) => {
        if ((body as { query: string }).query.includes('UpdatePassword')) await setHash(changed)
        const answer = await fetch(`${hasuraUrl}/v1/graphql`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'x-hasura-admin-secret': String(request.headers['x-hasura-admin-secret'])
          },
          body: JSON.stringify(body)
        })
        response.end(await answer.text())
      })
    })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: proxy })
    t.equal((await call('/login', { email: 'admin@site.com', password: 'a-password' })).status, 200)
    t.strictSame(await as('admin', '{ user(where: { email: { _eq: "admin@site.com" } }) { password } }'),
      { data: { user: [{ password: changed }] } })
  }
})

t.test('an id that JSON.parse has rounded gets no token, and its hash is not replaced', async (t) => {
  const [row] = user(await hash('a-password', { ...today, timeCost: 2 })).data.user
  const asked: unknown[] = []
  const url = await serverOf(t, (request, response) => {
    void json(request).then((body) => {
      asked.push(/\w+(?=\()/.exec((body as { query: string }).query)?.[0])
      response.end(JSON.stringify({ data: { user: [row] } }).replace('"id":7', '"id":9007199254740993'))
    })
  })
  const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.strictSame(await call('/login', good), { status: 500, body: failure('internal', 'internal error') })
  t.strictSame(asked, ['UserByEmail'])
  t.match(log().filter(({ level }) => level === 50), [{ err: { message: /^The user's id is a number beyond 2\^53/ } }])
})

t.test('a login succeeds even if the new hash cannot be written, and logs the failure', async (t) => {
  const { url } = await hasuraOf(t, {
    UserByEmail: user(await hash('a-password', { ...today, timeCost: 2 })),
    UpdatePassword: { errors: [{ message: 'database query error', extensions: { code: 'unexpected', path: '$' } }] }
  })
  const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.equal((await call('/login', good)).status, 200)
  t.match(log(), [{ level: 50, userId: 7, msg: 'the password could not be hashed again' }, { level: 30 }])
})

t.test('if the caller disconnects during the login, the hash is left to the next login', async (t) => {
  // Of 'a-password'. bcrypt at cost 14 runs long enough to disconnect during it.
  const costly = user('$2y$14$Km51Z5FaI3RZ/J2vz8663eU6OF0uWoOVkRJnTdGMQ0n1NhNsmqgxW')
  const { url, asked } = await hasuraOf(t, { UserByEmail: costly })
  const { fastify, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const webhook = await fastify.listen({ host: '127.0.0.1', port: 0 })
  const running = async (): Promise<number | undefined> => (
    (await fastify.metrics.getSingleMetric('hasura_jwt_auth_password_hashes_running')?.get())?.values[0]?.value
  )
  const call = request(`${webhook}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET }
  }).on('error', () => { /* disconnected */ })
  call.end(JSON.stringify({ input: good }))
  while (await running() !== 1) await after(1)
  call.destroy()
  while (await running() !== 0) await after(1)
  // `close` waits for the handler.
  await fastify.close()
  t.strictSame(asked.map(({ operation }) => operation), ['UserByEmail'])
  t.strictSame(log().filter(({ level }) => Number(level) > 30), [])
})

t.test('a malformed email or a too long password is refused; a short password is just wrong', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const refused = (message: string) => ({ status: 400, body: failure('validation-failed', message) })
  t.strictSame(await call('/login', { ...good, email: 'a' }), refused('input.email must be an email address'))
  t.strictSame(await call('/login', { ...good, password: 'x'.repeat(257) }),
    refused('input.password must have at most 256 characters'))
  t.strictSame(await call('/login', { ...good, password: '\ud800' }), refused('input.password must be well-formed Unicode'))
  t.strictSame(await call('/login', { ...good, password: '' }), invalid)
})

t.test('without Hasura the answer says nothing about the password', async (t) => {
  const { call } = await service(t)
  t.strictSame(await call('/login', good), { status: 502, body: failure('hasura-unavailable', 'Hasura is unavailable') })
})

t.test('a login fails and is logged if the user lacks a claim that claims_map requires', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: user(await hash('a-password', today)) })
  const secret = { type: 'HS256', key: 'k'.repeat(32), claims_map: {
    'x-hasura-allowed-roles': { path: '$.roles' }, 'x-hasura-default-role': { path: '$.roles[0]' }, 'x-hasura-org-id': { path: '$.org' }
  } }
  const env = { HASURA_GRAPHQL_ENDPOINT: url, HASURA_GRAPHQL_JWT_SECRET: JSON.stringify(secret) }
  const { call, log } = await service(t, env)
  t.strictSame(await call('/login', good), { status: 500, body: failure('internal', 'internal error') })
  t.match(log().filter(({ level }) => level === 50), [{ err: {
    message: 'Hasura finds no usable x-hasura-org-id by its "claims_map"'
  } }])
})
