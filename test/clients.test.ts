import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { sandbox } from './support/sandbox.ts'
import { follow } from './support/scratch.ts'
import { serverOf, settings } from './support/service.ts'
import { clientsOf, password, tokenSecret } from './support/sessions.ts'
import { skipSlow } from './support/slow.ts'
import { subscriptionServer } from './support/subscriptions.ts'

const run = promisify(execFile)
const page = readFileSync('docs/clients.md', 'utf8')

const compilerOptions = {
  strict: true, noUncheckedIndexedAccess: true, skipLibCheck: true, allowJs: true, target: 'es2023', module: 'nodenext',
  lib: ['es2023', 'dom'], types: [], outDir: 'compiled'
}

/** The examples of the page in a folder in which the project's packages are found. */
function write (t: Test, hasuraUrl: string): string {
  mkdirSync('build', { recursive: true })
  const folder = mkdtempSync(resolve('build/clients-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts', 'app.ts'] }))
  writeFileSync(join(folder, 'app.ts'), typedApp)
  const commands = follow(t, folder, page.replaceAll('http://127.0.0.1:8080', hasuraUrl))
  t.strictSame(commands, ['npx graphql-codegen\n'])
  return folder
}

/** How a typed app may call the typed example. */
const typedApp = `import { createTypedClient } from './typed.js'
  const values = new Map<string, string>()
  const storage = {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => { values.set(key, value) },
    removeItem: (key: string) => { values.delete(key) }
  }
  createTypedClient({ storage, onChange: ({ isOwn, session_id }) => [isOwn, session_id?.length] })`

/** Generates and compiles what the typed example needs. */
async function compile (folder: string): Promise<void> {
  const bin = (name: string): string => resolve('node_modules/.bin', name)
  await run(bin('graphql-codegen'), { cwd: folder, env: { ...process.env, ...settings } })
  await run(bin('tsc'), [], { cwd: folder })
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
      const [field = ''] = /Login|Refresh|user/.exec(query) ?? []
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

/** The first lines of each program that uses an example. */
const prelude = (email: string): string => `const values = new Map()
  globalThis.localStorage = {
    getItem: key => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: key => values.delete(key)
  }
  const [email, password] = ${JSON.stringify([email, password])}
`

/** The lines below "Use it:", with other URLs. */
const [useClient = '', useSubscriptions = ''] = Array.from(page.matchAll(/^Use it:\n\n```js\n([^]*?)^```$/gm), ([, lines]) => lines)
const exampleUrl = /(?:https|wss):\/\/hasura\.example\.com\/v1\/graphql/

const drivers = {
  'plain fetch': `import { createClient } from './client.js'
    const render = () => {}
    ${useClient.replace(exampleUrl, 'ENDPOINT')}
    print(user[0].email)`,
  'Apollo Client': `import { createApollo } from './apollo.js'
    import { gql } from '@apollo/client'
    const { apollo, session } = createApollo({ endpoint: 'ENDPOINT' })
    await session.login(email, password)
    print((await apollo.query({ query: gql('{ user { email } }') })).data.user[0].email)`,
  'GraphQL Code Generator': `import { createTypedClient } from './compiled/typed.js'
    const client = createTypedClient({ endpoint: 'ENDPOINT' })
    await client.login(email, password)
    print(await client.ownEmail())`
}

/**
 * Starts a process that logs in and subscribes to its own row with the example. It believes that its access token is
 * valid for an hour, and connects again without a wait.
 */
async function subscribe (t: Test, hasuraUrl: string, url: string, email: string) {
  const { asAdmin, signup } = clientsOf(hasuraUrl)
  await signup(email)
  const file = join(write(t, hasuraUrl), 'subscriber.js')
  writeFileSync(file, `import { createInterface } from 'node:readline'
    import WebSocket from 'ws'
    import { createSubscriptions } from './subscriptions.js'
    ${prelude(email)}
    const send = globalThis.fetch
    globalThis.fetch = async (...request) => {
      const body = await (await send(...request)).text()
      return new Response(body.replace(/"expires_in":\\d+/, '"expires_in":3600'))
    }
    // Node.js 20 has no WebSocket.
    globalThis.WebSocket = WebSocket
    Math.random = () => 0
    const render = ({ data }) => console.log(data.user[0].email_verified_at)
    const showLogin = () => console.log('ended')
    ${useSubscriptions.replace(exampleUrl, `${hasuraUrl}/v1/graphql`).replace(exampleUrl, url)}
    for await (const name of createInterface({ input: process.stdin })) await session[name]()`)
  const child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines: AsyncIterator<string, undefined> = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    command: (name: 'refresh' | 'logout') => { child.stdin.write(`${name}\n`) },
    /** Reads what the process prints until it prints this line. */
    until: async (expected: string) => {
      for (;;) {
        const { value, done } = await lines.next()
        if (done === true) throw new Error(`the process ended before it printed ${expected}`)
        if (value === expected) return
      }
    },
    /** Changes the row to which the process subscribes. */
    verifyAt: async (time: string) => asAdmin(
      `mutation ($e: String!, $t: timestamptz!) {
        update_user(where: { email: { _eq: $e } }, _set: { email_verified_at: $t }) { affected_rows }
      }`,
      { e: email, t: time }
    )
  }
}

const times = ['2026-01-01T00:00:00+00:00', '2026-01-02T00:00:00+00:00', '2026-01-03T00:00:00+00:00'] as const

t.test('the examples of docs/clients.md', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: tokenSecret })

  t.test('each of them refreshes a token that Hasura refuses, and repeats the request', { skip: skipSlow }, async (t) => {
    const folder = write(t, hasuraUrl)
    await compile(folder)
    const { signup } = clientsOf(hasuraUrl)
    for (const [name, driver] of Object.entries(drivers)) {
      const { endpoint, seen } = await spoilingProxy(t, hasuraUrl)
      const email = `${name.replaceAll(' ', '-').toLowerCase()}@test.com`
      const file = join(folder, `${name}.js`)
      await signup(email)
      writeFileSync(file, `${prelude(email)}
        const print = (text) => { process.stdout.write(text, () => process.exit()) }
        ${driver.replace('ENDPOINT', endpoint)}`)
      t.equal((await run(process.execPath, [file])).stdout, email, name)
      t.strictSame(seen, ['Login', 'user with a bad token', 'Refresh', 'user with a good token'], name)
    }
  })

  t.test('with Apollo Client, the first query after a reload refreshes and succeeds', { skip: skipSlow }, async (t) => {
    const folder = write(t, hasuraUrl)
    await clientsOf(hasuraUrl).signup('reload@test.com')
    writeFileSync(join(folder, 'reload.js'), `${prelude('reload@test.com')}
      import { createApollo } from './apollo.js'
      import { createClient } from './client.js'
      import { gql } from '@apollo/client'
      const endpoint = '${hasuraUrl}/v1/graphql'
      await createClient({ endpoint }).login(email, password)
      const { apollo } = createApollo({ endpoint })
      const { data } = await apollo.query({ query: gql('{ user { email } }') })
      process.stdout.write(data.user[0].email, () => process.exit())`)
    t.equal((await run(process.execPath, [join(folder, 'reload.js')])).stdout, 'reload@test.com')
  })

  t.test('clients with storages of their own share no session', async (t) => {
    const folder = write(t, hasuraUrl)
    await clientsOf(hasuraUrl).signup('alone@test.com')
    writeFileSync(join(folder, 'alone.js'), `${prelude('alone@test.com')}
      import { createClient } from './client.js'
      const endpoint = '${hasuraUrl}/v1/graphql'
      // Messages keep their order: a message to the other client would arrive before this one.
      const own = { getItem: () => null, setItem: () => {}, removeItem: () => {} }
      const tokens = []
      const other = createClient({ endpoint, storage: own, onChange: () => { tokens.push('of another client') } })
      const last = new Promise((resolve) => { new BroadcastChannel('hasura-session').onmessage = resolve })
      await createClient({ endpoint }).login(email, password)
      await last
      process.stdout.write(String([await other.accessToken(), ...tokens]), () => process.exit())`)
    t.equal((await run(process.execPath, [join(folder, 'alone.js')])).stdout, '')
  })

  t.test('a subscription continues over a refresh and loses nothing, and the log-out closes it', async (t) => {
    const server = await subscriptionServer(t, hasuraUrl)
    const { command, until, verifyAt } = await subscribe(t, hasuraUrl, server.url, 'live@test.com')
    await until('null')
    await verifyAt(times[0])
    await until(times[0])

    // The row changes while there is no connection.
    server.beforeInit = async () => { await verifyAt(times[1]) }
    command('refresh')
    await until(times[1])
    await server.until('closed with 4499')
    t.not(server.tokens[0], server.tokens[1])
    await verifyAt(times[2])
    await until(times[2])

    command('logout')
    await until('ended')
    await server.until('closed with 4499', 2)
    t.strictSame(server.events.toSorted(), ['accepted', 'accepted', 'closed with 4499', 'closed with 4499'])
  })
})

t.test('with access tokens of one second', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: { ...tokenSecret, ACCESS_TOKEN_TTL_SECONDS: '1' } })

  t.test('a subscription continues when its token expires, and when Hasura refuses the token of the next connection', async (t) => {
    const server = await subscriptionServer(t, hasuraUrl)
    const { until, verifyAt } = await subscribe(t, hasuraUrl, server.url, 'asleep@test.com')
    await until('null')
    await server.until('expired')
    await verifyAt(times[0])
    await until(times[0])
    t.match(server.events.join(), /accepted,expired,closed with 1006,(?:.*,)?refused,(?:.*,)?accepted/)
  })

  t.test('a stale access token breaks Login, and one request signs up and logs in', async (t) => {
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
})

t.test('the plain client of docs/clients.md is the one of the sandbox\'s page, byte for byte', async (t) => {
  t.ok(page.includes(`\`client.js\`:\n\n\`\`\`js\n${readFileSync('src/sandbox/page/client.js', 'utf8')}\`\`\`\n`))
})
