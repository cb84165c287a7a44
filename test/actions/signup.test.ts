import t from 'tap'
import { failure, hasuraOf, service } from '../support/service.ts'

const created = (password: string) => ({ data: { insert_user_one: { id: 7, email: 'a@b.test', password } } })

t.test('creates the user with the normalised email and a hash, and answers the bare object', async (t) => {
  const { url, asked } = await hasuraOf(t, { CreateUser: created('$argon2id$stored') })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const answer = await call('/signup', { email: ' A@B.test\n', password: 'a-password' })
  t.strictSame(answer, { status: 200, body: { id: 7, email: 'a@b.test', password: '$argon2id$stored' } })
  t.equal(asked.length, 1)
  t.match(asked[0]?.variables, { email: 'a@b.test', password: /^\$argon2id\$v=19\$m=8,t=1,p=1\$/ })
})

t.test('the answer must not be cached: it holds a hash', async (t) => {
  const { url } = await hasuraOf(t, { CreateUser: created('$argon2id$stored') })
  const { inject } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  const payload = { input: { email: 'a@b.test', password: 'a-password' } }
  t.equal((await inject({ url: '/signup', payload })).headers['cache-control'], 'no-store')
})

t.test('SIGNUP_PASSWORD_FIELD=redacted hides the hash', async (t) => {
  const { url } = await hasuraOf(t, { CreateUser: created('$argon2id$stored') })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, SIGNUP_PASSWORD_FIELD: 'redacted' })
  const { body } = await call('/signup', { email: 'a@b.test', password: 'a-password' })
  t.strictSame(body, { id: 7, email: 'a@b.test', password: '[redacted]' })
})

t.test('an email or password that breaks a rule is refused without a call to Hasura', async (t) => {
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

t.test('values at the bounds are accepted', async (t) => {
  const { url, asked } = await hasuraOf(t, { CreateUser: created('x') })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  for (const [email, password] of [
    [`${'a'.repeat(249)}@b.cd`, '12345678'], ['ü@b', '😀'.repeat(256)], ['a@b', '        '], ['a@b', 'pass\0word']
  ] as const) {
    t.equal((await call('/signup', { email, password })).status, 200)
  }
  t.equal(asked.length, 4)
})

const taken = 'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"'
const error = (message: string, code = 'constraint-violation') => ({ errors: [{ message, extensions: { code, path: '$.x' } }] })

t.test('a taken email has one answer in every language of PostgreSQL, and counts as a sign-up', async (t) => {
  for (const message of [
    taken,
    'Uniqueness violation. doppelter Schlüsselwert verletzt Unique-Constraint »user_email_key«',
    'Uniqueness violation. la valeur d\'une clé dupliquée rompt la contrainte unique « user_email_key »',
    'Uniqueness violation. llave duplicada viola restricción de unicidad «user_email_key»',
    'Uniqueness violation. повторяющееся значение ключа нарушает ограничение уникальности "user_email_key"',
    'Uniqueness violation. 重複したキー値は一意性制約"user_email_key"違反となります',
    'Uniqueness violation. 重复键违反唯一约束"user_email_key"'
  ]) {
    const { url } = await hasuraOf(t, { CreateUser: error(message) })
    const { inject } = await service(t, {
      HASURA_GRAPHQL_ENDPOINT: url, CLIENT_ADDRESS_HEADER: 'x-client-address', SIGNUP_LIMIT_PER_ADDRESS: '1'
    })
    const signup = async () => inject({
      url: '/signup',
      headers: { 'x-client-address': '192.0.2.1' },
      payload: { input: { email: 'a@b.test', password: 'a-password' } }
    })
    const { status, body } = await signup()
    t.strictSame({ status, body }, { status: 400, body: failure('constraint-violation', taken) }, message)
    t.equal((await signup()).status, 429)
  }
})

t.test('any other error of Hasura is internal and logged', async (t) => {
  const internal = { status: 500, body: failure('internal', 'internal error') }
  for (const answer of [
    error('Not-NULL violation. null value in column "email"'),
    error('Uniqueness violation. duplicate key value violates unique constraint "user_email_key_2"'),
    error('Foreign key violation. insert or update on table "user" violates foreign key constraint "user_default_role_fkey"'),
    error('invalid x-hasura-admin-secret/x-hasura-access-key', 'access-denied'),
    error(taken, 'unexpected'),
    { data: { insert_user_one: null } }
  ]) {
    const { url } = await hasuraOf(t, { CreateUser: answer })
    const { call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    t.strictSame(await call('/signup', { email: 'a@b.test', password: 'a-password' }), internal, JSON.stringify(answer))
    t.ok(log().some(({ level }) => level === 50))
  }
})
