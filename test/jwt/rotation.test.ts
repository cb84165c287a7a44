import { copyFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { keys } from '../../src/cli/keys/keys.ts'
import { temporaryFolder } from '../support/folders.ts'
import { sandbox } from '../support/sandbox.ts'
import { serverOf } from '../support/service.ts'

t.test('a rotation under load: no token is refused while one key replaces another', async (t) => {
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
  /** Polls until the condition is true. */
  const wait = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    const end = Date.now() + 30_000
    while (!await isSo()) {
      if (Date.now() > end) throw new Error(`After 30 seconds, ${what}. Published keys: ${published.join(', ')}`)
      await after(50)
    }
  }
  await wait('Hasura still has no keys', async () => !('errors' in await use(await logIn())))

  const signed = new Set<string>()
  let tokens = 0
  const refused: unknown[] = []
  let [uses, isOver] = [0, false]
  const useUp = async (token: string): Promise<void> => {
    const end = Number(decodeJwt(token).exp) * 1000
    while (Date.now() < end - 200) {
      const answer = await use(token)
      uses++
      if ('errors' in answer && Date.now() < end) refused.push(answer)
      await after(100)
    }
  }
  const caller = async (): Promise<void> => {
    const using: Array<Promise<void>> = []
    while (!isOver) {
      const token = await logIn()
      signed.add(String(decodeProtectedHeader(token).kid))
      tokens++
      using.push(useUp(token))
      await after(200)
    }
    await Promise.all(using)
  }

  const callers = 8
  const begun = Date.now()
  const calling = Promise.all(Array.from({ length: callers }, caller))
  await wait('the new key still does not sign', () => Date.now() > start)
  copy(basename(path))
  await wait('the old key is still published', () => published.at(-1) === next)
  isOver = true
  await calling

  const [old = ''] = published
  t.strictSame(refused, [], 'no token is refused')
  t.strictSame([...signed], [old, next], 'both keys have signed')
  t.strictSame(published, [old, `${old} ${next}`, next], 'the new key is published before it signs, and the old one is removed at last')
  t.ok(uses > 0, `${uses} requests with ${tokens} tokens in ${Math.round((Date.now() - begun) / 1000)} seconds`)
})
