import { copyFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, join } from 'node:path'
import { mock } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { keys } from '../../src/cli/keys/keys.ts'
import { temporaryFolder } from '../support/folders.ts'
import { sandbox } from '../support/sandbox.ts'
import { serverOf } from '../support/service.ts'

t.test('a rotation refuses no token while one key replaces another', async (t) => {
  // Time passes when the test says so: for the keys on the disk, for Hasura's copy of them, and for the tokens.
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() })
  syncBuiltinESMExports()
  const release = (): void => {
    mock.timers.reset()
    syncBuiltinESMExports()
  }
  const service = { url: '' }
  const published: string[] = []
  // Hasura needs the URL of the keys before the service listens.
  const jwks = await serverOf(t, (_request, response) => {
    const fetched = fetch(`${service.url}/.well-known/jwks.json`)
    void fetched.then(async ({ headers, body }) => {
      const text = await new Response(body).text()
      const kids = (JSON.parse(text) as { keys: Array<{ kid: string }> }).keys.map(({ kid }) => kid).join(' ')
      if (kids !== published.at(-1)) published.push(kids)
      response.setHeader('cache-control', headers.get('cache-control') ?? '').end(text)
    }).catch(() => { response.writeHead(503).end() })
  })
  const [origin, folder] = [temporaryFolder(t), temporaryFolder(t)]
  const copy = (name: string): void => { copyFileSync(join(origin, name), join(folder, name)) }
  await keys(['ES256', '--folder', origin], {})
  copy('first.pem')
  const env = {
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ jwk_url: jwks }),
    JWT_PRIVATE_KEY_FILE: folder,
    JWKS_MAX_AGE_SECONDS: '1',
    ACCESS_TOKEN_TTL_SECONDS: '3'
  }
  // The new file arrives after its time, which is the worst case.
  const printed = await keys(['rotate', origin, '--spread', '0'], env)
  const [, path = '', next = ''] = /^(\S+) is a new key for ES256\. Its kid is (\S+)\.$/m.exec(printed) ?? []
  const start = Date.parse(/It signs from (\S+)/.exec(printed)?.[1] ?? '')

  const running = await sandbox(t, { env })
  service.url = running.serviceUrl
  const logIn = async (): Promise<string> => {
    const answer = await running.graphql('mutation { Login(email: "admin@site.com", password: "admin-password-for-development") { token } }')
    return (answer as { data: { Login: { token: string } } }).data.Login.token
  }
  const use = async (token: string): Promise<Record<string, unknown>> => (
    running.graphql('{ user { id } }', { headers: { authorization: `Bearer ${token}` } })
  )
  while ('errors' in await use(await logIn())) mock.timers.tick(200)

  const signed = new Set<string>()
  const refused: unknown[] = []
  let tokens: string[] = []
  let isCopied = false
  /** A fifth of a second in which someone logs in and everyone whose token is valid uses it. */
  const step = async (): Promise<void> => {
    mock.timers.tick(200)
    if (!isCopied && Date.now() > start) {
      copy(basename(path))
      isCopied = true
    }
    const token = await logIn()
    signed.add(String(decodeProtectedHeader(token).kid))
    tokens = [...tokens, token].filter(token => Number(decodeJwt(token).exp) * 1000 > Date.now())
    for (const answer of await Promise.all(tokens.map(use))) if ('errors' in answer) refused.push(answer)
  }
  while (published.at(-1) !== next) await step()
  release()

  const [old = ''] = published
  t.strictSame(refused, [], 'no token is refused')
  t.strictSame([...signed], [old, next], 'both keys have signed')
  t.strictSame(published, [old, `${old} ${next}`, next], 'the new key is published before it signs, and the old one is removed last')
})
