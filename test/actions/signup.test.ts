import t from 'tap'
import { failure, hasuraOf, service } from '../support/service.ts'

const created = (password: string) => ({ data: { insert_user_one: { id: 7, email: 'a@b.test', password } } })

t.test('the user is created with the normalised email and a hash, and answered as a bare object', async (t) => {
  const { url, asked } = await hasuraOf(t, { CreateUser: created('$argon2id$stored') })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const answer = await call('/signup', { email: ' A@B.test\n', password: 'a-password' })
  t.strictSame(answer, { status: 200, body: { id: 7, email: 'a@b.test', password: '$argon2id$stored' } })
  t.equal(asked.length, 1)
  t.match(asked[0]?.variables, { email: 'a@b.test', password: /^\$argon2id\$v=19\$m=8,t=1,p=1\$/ })
})

t.test('an answer with a hash in it is not cached', async (t) => {
  const { url } = await hasuraOf(t, { CreateUser: created('$argon2id$stored') })
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const payload = { input: { email: 'a@b.test', password: 'a-password' } }
  t.equal((await inject({ url: '/signup', payload })).headers['cache-control'], 'no-store')
})

t.test('SIGNUP_PASSWORD_FIELD=redacted keeps the hash to itself', async (t) => {
  const { url } = await hasuraOf(t, { CreateUser: created('$argon2id$stored') })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, SIGNUP_PASSWORD_FIELD: 'redacted' })
  const { body } = await call('/signup', { email: 'a@b.test', password: 'a-password' })
  t.strictSame(body, { id: 7, email: 'a@b.test', password: '[redacted]' })
})

t.test('an email or password that breaks a rule is refused, and Hasura is not asked', async (t) => {
  const { url, asked } = await hasuraOf(t, {})
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const email = failure('validation-failed', 'input.email must be an email address')
  const length = failure('validation-failed', 'input.email must have at most 254 characters')
  const short = failure('weak-password', 'The password must have at least 8 characters')
  const long = failure('weak-password', 'The password must have at most 256 characters')
  const unicode = failure('validation-failed', 'input.password must be well-formed Unicode')
  const table: Array<[string, string, object]> = [
    ['', 'a-password', email], ['nobody', 'a-password', email], ['@b', 'a-password', email], ['a@', 'a-password', email],
    ['a@b@c', 'a-password', email], ['a b@c', 'a-password', email], ['a@b\u0000', 'a-password', email],
    ['a\u007f@b', 'a-password', email], ['a\u00a0b@c', 'a-password', email], ['a\ud800@b', 'a-password', email],
    [`${'a'.repeat(250)}@b.cd`, 'a-password', length],
    ['a@b.test', '', short], ['a@b.test', '1234567', short], ['a@b.test', '😀'.repeat(7), short],
    // Seven letters, each with an accent of its own: fourteen code points as sent, seven after NFC.
    ['a@b.test', 'e\u0301'.repeat(7), short],
    ['a@b.test', 'x'.repeat(257), long], ['a@b.test', `1234567\udc00`, unicode]
  ]
  for (const [email, password, body] of table) {
    t.strictSame(await call('/signup', { email, password }), { status: 400, body }, JSON.stringify({ email, password }))
  }
  t.strictSame(asked, [])
})

t.test('the bounds themselves are accepted', async (t) => {
  const { url, asked } = await hasuraOf(t, { CreateUser: created('x') })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  for (const [email, password] of [
    [`${'a'.repeat(249)}@b.cd`, '12345678'], ['ü@b', '😀'.repeat(256)], ['a@b', '        '], ['a@b', 'pass\0word']
  ] as const) {
    t.equal((await call('/signup', { email, password })).status, 200)
  }
  t.equal(asked.length, 4)
})

t.test('a taken email is Hasura\'s own message; any other error of Hasura\'s is internal and logged', async (t) => {
  const message = 'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"'
  const error = (message: string, code: string) => ({ errors: [{ message, extensions: { code, path: '$.x' } }] })
  const internal = { status: 500, body: failure('internal', 'internal error') }
  const table: Array<[unknown, object]> = [
    [error(message, 'constraint-violation'), { status: 400, body: failure('constraint-violation', message) }],
    [error('Not-NULL violation. null value in column "email"', 'constraint-violation'), internal],
    [error('invalid x-hasura-admin-secret/x-hasura-access-key', 'access-denied'), internal],
    [error(message, 'unexpected'), internal],
    [{ data: { insert_user_one: null } }, internal]
  ]
  for (const [answer, expected] of table) {
    const { url } = await hasuraOf(t, { CreateUser: answer })
    const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    t.strictSame(await call('/signup', { email: 'a@b.test', password: 'a-password' }), expected, JSON.stringify(answer))
    t.equal(log().some(line => line['level'] === 50), expected === internal)
  }
})
