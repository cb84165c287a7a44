import { json } from 'node:stream/consumers'
import { setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import { decodeJwt } from 'jose'
import t from 'tap'
import { failure, hasuraOf, serverOf, service } from '../support/service.ts'

const today = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const invalid = { status: 401, body: failure('invalid-credentials', 'Invalid credentials') }
const good = { email: 'a@b.test', password: 'a-password' }

function user (password: string) {
  return { data: { user: [{ id: 7, password, default_role: 'user', roles: [{ role: 'editor' }, { role: 'user' }] }] } }
}

t.test('the right password gives a token of the user\'s roles in the database', async (t) => {
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

t.test('the roles are those of the rows, the default one among them, whatever the request says of roles', async (t) => {
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
    const row = { id: 7, password, default_role: role, roles }
    const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [row] } } })
    const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    const input = { ...good, email: 'admin@site.com' }
    const payload = { input, session_variables: session, default_role: 'admin', roles: ['admin'] }
    const { body } = await inject({ url: '/login', headers: session, payload })
    t.strictSame(decodeJwt((body as { token: string }).token)['https://hasura.io/jwt/claims'], {
      'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': role, 'x-hasura-user-id': '7'
    })
  }
})

t.test('an unknown email, a wrong password and an unreadable hash are answered with the same bytes', async (t) => {
  const table = { unknown: { data: { user: [] } }, wrong: user(await hash('another', today)), unreadable: user('legacy') }
  for (const [title, answer] of Object.entries(table)) {
    const { url } = await hasuraOf(t, { UserByEmail: answer })
    const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    t.strictSame(await call('/login', good), invalid, title)
    const errors = log().filter(line => line['level'] === 50).map(line => [line['msg'], line['userId']])
    t.strictSame(errors, title === 'unreadable' ? [['the stored password hash cannot be read', 7]] : [])
  }
})

t.test('a failed login does the work of one hash at today\'s parameters, whatever its reason', async (t) => {
  const cost = { memoryCost: 65_536, timeCost: 3, parallelism: 1 }
  const env = { ARGON2_MEMORY_KIB: '65536', ARGON2_PASSES: '3' }
  const table = {
    wrong: user(await hash('another', cost)),
    unknown: { data: { user: [] } },
    malformed: user('legacy'),
    beyond: user('$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'),
    refused: user('$argon2id$v=19$m=8,t=0,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA')
  }
  const work: number[] = []
  for (const answer of Object.values(table)) {
    const { url } = await hasuraOf(t, { UserByEmail: answer })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, ...env })
    const runs: number[] = []
    for (let i = 0; i < 4; i++) {
      const before = process.cpuUsage()
      t.strictSame(await call('/login', good), invalid)
      runs.push(process.cpuUsage(before).user)
    }
    work.push(Math.min(...runs))
  }
  // Time of the processor, not of the clock: two hashes would be twice the work, and none a hundredth of it.
  const [wrong = 0, ...others] = work
  for (const other of others) t.ok(other > wrong * 0.5 && other < wrong * 1.8, `${other} is about ${wrong}`)
})

t.test('NFC and NFD spellings of a password are one', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: user(await hash('caf\u00e9-password', today)) })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.equal((await call('/login', { ...good, password: 'cafe\u0301-password' })).status, 200)
})

t.test('a hash of other parameters is replaced at a good login, and not at a bad one', async (t) => {
  const { url, asked } = await hasuraOf(t, {
    UserByEmail: user(await hash('a-password', { ...today, timeCost: 2 })),
    UpdatePassword: { data: { update_user_by_pk: { id: 7 } } }
  })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.strictSame(await call('/login', { ...good, password: 'wrong-password' }), invalid)
  t.equal(asked.length, 1)
  t.equal((await call('/login', good)).status, 200)
  t.match(asked[2], { operation: 'UpdatePassword', variables: { id: 7, password: /^\$argon2id\$v=19\$m=8,t=1,p=1\$/ } })
})

t.test('an id that JSON.parse has rounded gets no token, and nobody\'s hash is replaced', async (t) => {
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
  t.match(log().filter(({ level }) => level === 50), [{ err: { message: /^The user's id is beyond 2\^53/ } }])
})

t.test('a login succeeds though the new hash cannot be written, and the log says so', async (t) => {
  const { url } = await hasuraOf(t, {
    UserByEmail: user(await hash('a-password', { ...today, timeCost: 2 })),
    UpdatePassword: { errors: [{ message: 'database query error', extensions: { code: 'unexpected', path: '$' } }] }
  })
  const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.equal((await call('/login', good)).status, 200)
  t.match(log(), [{ level: 50, userId: 7, msg: 'the password could not be hashed again' }, { level: 30 }])
})

t.test('while others wait for their hash, a new hash is left to the next login, without a word', async (t) => {
  // Of 'a-password': bcrypt at cost 14 takes about a second.
  const costly = user('$2y$14$Km51Z5FaI3RZ/J2vz8663eU6OF0uWoOVkRJnTdGMQ0n1NhNsmqgxW')
  const asked = new Map<string, () => void>()
  const url = await serverOf(t, (request, response) => {
    void json(request).then((body) => {
      const { query, variables: { email } } = body as { query: string, variables: { email: string } }
      const answer = email === 'costly@b.test' ? costly : { data: { user: [] } }
      asked.set(`${query.trim().split(/\W+/, 2).join(' ')} ${email}`, () => response.end(JSON.stringify(answer)))
    })
  })
  const { fastify, call, log } = await service(t, {
    HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_CONCURRENCY: '1', PASSWORD_QUEUE_MILLISECONDS: '75'
  })
  const reaches = async (gauge: string, wanted: number): Promise<void> => {
    const metric = fastify.metrics.getSingleMetric(`hasura_jwt_auth_password_${gauge}`)
    while ((await metric?.get())?.values[0]?.value !== wanted) await after(1)
  }
  // Both are let in while nothing is hashed; then the costly hash is ahead, and the queue counts on slow ones.
  const first = call('/login', { ...good, email: 'costly@b.test' })
  const second = call('/login', good)
  while (asked.size < 2) await after(1)
  asked.get('query UserByEmail costly@b.test')?.()
  await reaches('hashes_running', 1)
  asked.get('query UserByEmail a@b.test')?.()
  await reaches('queue_length', 1)
  t.equal((await first).status, 200)
  t.strictSame(await second, invalid)
  t.equal(asked.size, 2)
  t.strictSame(log().map(({ level }) => level), [30, 30])
})

t.test('a malformed email or an over-long password is refused, a short password is only wrong', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const refused = (message: string) => ({ status: 400, body: failure('validation-failed', message) })
  t.strictSame(await call('/login', { ...good, email: 'a' }), refused('input.email must be an email address'))
  t.strictSame(await call('/login', { ...good, password: 'x'.repeat(257) }),
    refused('input.password must have at most 256 characters'))
  t.strictSame(await call('/login', { ...good, password: '\ud800' }), refused('input.password must be well-formed Unicode'))
  t.strictSame(await call('/login', { ...good, password: '' }), invalid)
})

t.test('without Hasura there is no answer about the password', async (t) => {
  const { call } = await service(t)
  t.strictSame(await call('/login', good), { status: 502, body: failure('hasura-unavailable', 'Hasura is unavailable') })
})

t.test('a claim that Hasura\'s claims_map wants of every user, and that one has not, fails the login and is logged', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: user(await hash('a-password', today)) })
  const secret = { type: 'HS256', key: 'k'.repeat(32), claims_map: {
    'x-hasura-allowed-roles': { path: '$.roles' }, 'x-hasura-default-role': { path: '$.roles[0]' }, 'x-hasura-org-id': { path: '$.org' }
  } }
  const env = { HASURA_GRAPHQL_ENDPOINT: url, HASURA_GRAPHQL_JWT_SECRET: JSON.stringify(secret) }
  const { call, log } = await service(t, env)
  t.strictSame(await call('/login', good), { status: 500, body: failure('internal', 'internal error') })
  t.match(log().filter(({ level }) => level === 50), [{ err: {
    message: 'The claim x-hasura-org-id is in "claims_map" without a "default", and src/claims.ts gives this user none'
  } }])
})
