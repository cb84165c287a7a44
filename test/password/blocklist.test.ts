import t from 'tap'
import { failure, hasuraOf, service } from '../support/service.ts'

const answer = { CreateUser: { data: { insert_user_one: { id: 1, email: 'someone@test.com', password: 'hash' } } } }
const common = {
  status: 400,
  body: failure('weak-password', 'The password must not be a common password, the email or a part of the email')
}

t.test('a common password is weak in any case, and so are the email, its local part and its domain', async (t) => {
  const { url, asked } = await hasuraOf(t, answer)
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_BLOCKLIST: 'common' })
  const email = 'T\u0308he-local-part@the-bücher.com'
  for (const password of [
    'password', '12345678', 'PassWord1', 'iloveyou', 'firebird', email, email.toUpperCase(), 't\u0308he-local-part',
    'THE-BÜCHER.com', 'xn--the-bcher-u9a.com', 'the-bu\u0308cher.com', `\u1e97he-local-part@xn--the-bcher-u9a.com`
  ]) t.strictSame(await call('/signup', { email, password }), common, password)
  t.equal(asked.length, 0)
  for (const password of ['a-password', 'password 12345678', 'the-bücher', 'part of the-local-part']) {
    t.equal((await call('/signup', { email, password })).status, 200, password)
  }
})

t.test('without the blocklist any password of the right length is accepted', async (t) => {
  const { url } = await hasuraOf(t, answer)
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.equal((await call('/signup', { email: 'a@b.test', password: 'password' })).status, 200)
})

t.test('a login does not use the blocklist', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_BLOCKLIST: 'common' })
  t.strictSame(await call('/login', { email: 'a@b.test', password: 'password' }), {
    status: 401, body: failure('invalid-credentials', 'Invalid credentials')
  })
})
