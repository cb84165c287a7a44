import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { parse } from 'yaml'
import { sandbox } from '../support/sandbox.ts'
import { clientsOf, password, tokenSecret, tokensOf } from '../support/sessions.ts'

t.test('a client that sends a chunked body can call every action', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })
  const { login, signup } = clientsOf(hasuraUrl)
  await signup('chunked@b.test')
  const { token, refresh_token: refreshToken, session_id: id } = tokensOf(t, await login('chunked@b.test'))

  /** Node.js sends a body in chunks if it does not know its length. */
  const send = async (query: string): Promise<unknown> => {
    const client = request(`${hasuraUrl}/v1/graphql`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
    const response = once(client, 'response')
    client.write(JSON.stringify({ query }).slice(0, -1))
    client.end('}')
    const [message] = await response as [IncomingMessage]
    return json(message)
  }
  const table: Array<[mutation: string, data: object]> = [
    [`Signup(email: "other@b.test", password: "${password}") { email }`, { Signup: { email: 'other@b.test' } }],
    [`Login(email: "chunked@b.test", password: "${password}") { token }`, { Login: { token: String } }],
    [`Refresh(refresh_token: "${refreshToken}") { session_id }`, { Refresh: { session_id: id } }],
    [`ChangePassword(current_password: "${password}", new_password: "${password}") { token }`, { ChangePassword: { token: String } }],
    [`Logout(refresh_token: "${refreshToken}") { ok }`, { Logout: { ok: true } }]
  ]
  for (const [mutation, data] of table) t.match(await send(`mutation { ${mutation} }`), { data }, mutation)
  t.match(await send('mutation { RevokeSession(id: "x") { ok } }'), { errors: [{ extensions: { code: 'not-authenticated' } }] })
})

t.test('docs/throttling.md names the actions that forward no headers, and the others do not forward Transfer-Encoding', async (t) => {
  const { actions } = parse(readFileSync('hasura/metadata/actions.yaml', 'utf8')) as {
    actions: Array<{ name: string, definition: { forward_client_headers: boolean, ignored_client_headers?: string[] } }>
  }
  const [forwarding, others] = [true, false].map(isForwarding => (
    actions.filter(({ definition }) => definition.forward_client_headers === isForwarding)
  )) as [typeof actions, typeof actions]
  const [, named = ''] = /every action except (`.*`) forwards headers/.exec(readFileSync('docs/throttling.md', 'utf8')) ?? []
  t.strictSame(others.map(({ name }) => name), named.match(/\w+(?=`)/g))
  for (const { name, definition: { ignored_client_headers: ignored = [] } } of forwarding) {
    t.ok(ignored.includes('Transfer-Encoding'), name)
  }
})
