import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { sandbox } from './support/sandbox.ts'
import { follow } from './support/scratch.ts'
import { serverOf, settings } from './support/service.ts'
import { clientsOf, password, tokenSecret } from './support/sessions.ts'

const run = promisify(execFile)
const page = readFileSync('docs/clients.md', 'utf8')

const compilerOptions = {
  strict: true, noUncheckedIndexedAccess: true, skipLibCheck: true, allowJs: true, target: 'es2023', module: 'nodenext',
  lib: ['es2023', 'dom'], types: [], outDir: 'compiled'
}

/** The examples of the page in a folder in which the project's packages are found. */
async function examples (t: Test, hasuraUrl: string): Promise<string> {
  mkdirSync('build', { recursive: true })
  const folder = mkdtempSync(resolve('build/clients-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }))
  const commands = follow(t, folder, page.replaceAll('http://127.0.0.1:8080', hasuraUrl))
  t.strictSame(commands, ['npx graphql-codegen\n'])
  const bin = (name: string): string => resolve('node_modules/.bin', name)
  await run(bin('graphql-codegen'), { cwd: folder, env: { ...process.env, ...settings } })
  await run(bin('tsc'), [], { cwd: folder })
  return folder
}

/** Forwards requests to Hasura, and spoils the first access token. `seen` lists what they call with which token. */
async function spoilingProxy (t: Test, hasuraUrl: string) {
  const seen: string[] = []
  let isSpoiled = false
  const url = await serverOf(t, (request, response) => {
    void (async () => {
      const body = await text(request)
      const { query } = JSON.parse(body) as { query: string }
      const { authorization } = request.headers
      const isBad = authorization !== undefined && !isSpoiled
      isSpoiled ||= isBad
      const [field = ''] = /Signup|Login|Refresh|user/.exec(query) ?? []
      seen.push(authorization === undefined ? field : `${field} with ${isBad ? 'a bad' : 'a good'} token`)
      const answer = await fetch(`${hasuraUrl}/v1/graphql`, {
        method: 'POST',
        headers: authorization === undefined ? {} : { authorization: isBad ? `${authorization}x` : authorization },
        body
      })
      response.setHeader('content-type', 'application/json')
      response.end(await answer.text())
    })()
  })
  return { endpoint: `${url}/v1/graphql`, seen }
}

const drivers = {
  'plain fetch': `import { createClient } from './client.js'
    const client = createClient(options)
    await client.signup(email, password)
    print((await client.request('{ user { email } }')).user[0].email)`,
  'Apollo Client': `import { createApollo } from './apollo.js'
    import { gql } from '@apollo/client'
    const { apollo, session } = createApollo(options)
    await session.signup(email, password)
    print((await apollo.query({ query: gql('{ user { email } }') })).data.user[0].email)`,
  'GraphQL Code Generator': `import { createTypedClient } from './compiled/typed.js'
    const client = createTypedClient(options)
    await client.signup(email, password)
    print(await client.ownEmail())`
}

t.test('each example of docs/clients.md refreshes a token that Hasura refuses, and repeats the request', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })
  const folder = await examples(t, hasuraUrl)
  for (const [name, driver] of Object.entries(drivers)) {
    const { endpoint, seen } = await spoilingProxy(t, hasuraUrl)
    const email = `${name.replaceAll(' ', '-').toLowerCase()}@test.com`
    const file = join(folder, `${name}.js`)
    writeFileSync(file, `const values = new Map()
      const storage = {
        getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value), removeItem: (key) => values.delete(key)
      }
      const options = { endpoint: ${JSON.stringify(endpoint)}, storage }
      const [email, password] = ${JSON.stringify([email, password])}
      const print = (text) => { process.stdout.write(text, () => process.exit()) }
      ${driver}`)
    t.equal((await run(process.execPath, [file])).stdout, email, name)
    t.strictSame(seen, ['Signup', 'user with a bad token', 'Refresh', 'user with a good token'], name)
  }
})

t.test('the plain client of docs/clients.md is the one of the sandbox\'s page, byte for byte', async (t) => {
  t.ok(page.includes(`\`client.js\`:\n\n\`\`\`js\n${readFileSync('src/sandbox/page/client.js', 'utf8')}\`\`\`\n`))
})

t.test('a stale access token breaks Login, and one request signs up and logs in', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: { ...tokenSecret, ACCESS_TOKEN_TTL_SECONDS: '1' } })
  const { graphql, call, login } = clientsOf(hasuraUrl)
  const [, both = ''] = /^```graphql\n(mutation \(\$email[^]*?)^```$/m.exec(page) ?? []
  const variables = { email: 'both@test.com', password }
  const { data } = await graphql(both, variables)
  t.match(data, { Signup: { id: Number }, Login: { token: /^eyJ/, expires_in: 1, refresh_token: /^A/ } })
  const { token } = data?.['Login'] as { token: string }
  while (await call('{ user { id } }', {}, { token }) !== 'invalid-jwt');
  t.equal(await login('both@test.com', { token }), 'invalid-jwt')
  t.match(await login('both@test.com'), { token: /^eyJ/ })
  t.match(await graphql(both, variables), { errors: [{ extensions: { code: 'constraint-violation' } }] })
})
