import t from 'tap'
import { failure, hasuraOf, service } from '../support/service.ts'

const answer = { CreateUser: { data: { insert_user_one: { id: 1, email: 'someone@test.com', password: 'hash' } } } }
const common = {
  status: 400, body: failure('weak-password', 'The password must not be a common one, nor the email or a part of it')
}

t.test('with the blocklist a common password is weak, in any case, and so are the email and its parts', async (t) => {
  const { url, asked } = await hasuraOf(t, answer)
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_BLOCKLIST: 'common' })
  const email = 'long-local-part@the-domain.com'
  for (const password of [
    'password', '12345678', 'PassWord1', 'iloveyou', email, 'Long-Local-Part', 'the-domain.COM', 'ﬁrebird'.normalize('NFKC')
  ]) t.strictSame(await call('/signup', { email, password }), common, password)
  t.equal(asked.length, 0)
  for (const password of ['a-password', 'password 12345678', 'the-domain', 'part of long-local-part']) {
    t.equal((await call('/signup', { email, password })).status, 200, password)
  }
})

t.test('without it any password of the right length is good, and a login is never held against it', async (t) => {
  const { url } = await hasuraOf(t, { ...answer, UserByEmail: { data: { user: [] } } })
  const open = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
  t.equal((await open.call('/signup', { email: 'a@b.test', password: 'password' })).status, 200)
  const strict = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_BLOCKLIST: 'common' })
  t.equal((await strict.call('/login', { email: 'a@b.test', password: 'password' })).body['message'], 'Invalid credentials')
})
