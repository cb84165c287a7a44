import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { compiled, listening, said, start } from './support/process.ts'
import { temporaryFolder } from './support/folders.ts'
import { failure, hasuraOf, serverOf, settings } from './support/service.ts'
import { skipSlow } from './support/slow.ts'

// Each test starts a process.
t.jobs = 2

/** A Hasura that answers `UserByEmail` when the test says so. */
async function slowHasura (t: Test) {
  const waiting: Array<() => void> = []
  const hasura = await serverOf(t, (request, response) => {
    const answer = (): void => { response.end('{"data":{"user":[]}}') }
    void text(request).then((body) => {
      if (body.includes('UserByEmail')) waiting.push(answer)
      else answer()
    })
  })
  return { hasura, waiting }
}

const login = async (url: string) => fetch(`${url}/login`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET },
  body: JSON.stringify({ input: { email: 'a@b.test', password: 'a-password' } })
})

/** Arguments that run the service after a script. */
function withScript (script: string): string[] {
  return [`--import=data:text/javascript,${encodeURIComponent(script)}`, compiled('src/server.ts')]
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`it listens, answers, and ends with exit code 0 on ${signal}`, { buffered: true }, async (t) => {
    const { child } = start(t, { ...settings, PORT: '0' })
    const url = await listening(child)
    t.strictSame(await (await fetch(`${url}/healthz`)).json(), { status: 'ok' })
    child.kill(signal)
    t.strictSame(await once(child, 'exit'), [0, null])
  })
}

t.test('on SIGTERM a request in progress is answered, and its kept-alive connection is closed', { buffered: true }, async (t) => {
  const { hasura, waiting } = await slowHasura(t)
  const { child } = start(t, { ...settings, PORT: '0', HASURA_GRAPHQL_ENDPOINT: hasura })
  const url = await listening(child)
  // fetch keeps the connection open, like Hasura.
  const response = login(url)
  while (waiting.length === 0) await after(10)
  child.kill('SIGTERM')
  while (await fetch(`${url}/healthz`).then(() => true, () => false)) await after(10)
  const ended = once(child, 'exit')
  waiting.pop()?.()
  t.equal((await response).status, 401)
  t.equal((await response).headers.get('connection'), 'close')
  t.strictSame(await ended, [0, null])
})

t.test('readiness ends first, then the listener, and requests in between are answered', { buffered: true }, async (t) => {
  const { url: hasura } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { child } = start(t, { ...settings, PORT: '0', HASURA_GRAPHQL_ENDPOINT: hasura, SHUTDOWN_DELAY_SECONDS: '300' })
  const url = await listening(child)
  t.equal((await fetch(`${url}/readyz`)).status, 200)
  child.kill('SIGTERM')
  while ((await fetch(`${url}/readyz`)).status === 200) await after(10)
  t.strictSame(await (await fetch(`${url}/readyz`)).json(), failure('not-ready', 'The service is shutting down'))
  t.equal((await fetch(`${url}/healthz`)).status, 200)
  const answer = await login(url)
  t.equal(answer.status, 401)
  t.equal(answer.headers.get('connection'), 'close')
})

t.test('after the delay the process ends with exit code 0', { buffered: true }, async (t) => {
  const { child } = start(t, { ...settings, PORT: '0', SHUTDOWN_DELAY_SECONDS: '1' })
  await listening(child)
  const begun = performance.now()
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
  t.ok(performance.now() - begun >= 1000)
})

t.test('after the grace unfinished requests are cut off, and the exit code is 1', { buffered: true }, async (t) => {
  const { hasura, waiting } = await slowHasura(t)
  const { child } = start(t, { ...settings, PORT: '0', HASURA_GRAPHQL_ENDPOINT: hasura, SHUTDOWN_GRACE_SECONDS: '1' })
  const url = await listening(child)
  const cutOff = login(url).catch(() => 'cut off')
  while (waiting.length === 0) await after(10)
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [1, null])
  t.equal(await cutOff, 'cut off')
})

for (const signals of [['SIGTERM', 'SIGTERM'], ['SIGTERM', 'SIGINT']] as const) {
  t.test(`${signals.join(' and ')} a second later end the process at once`, { buffered: true, skip: skipSlow }, async (t) => {
    const clock = 'let now = 0; performance.now = () => { now += 1001; return now }'
    const { child } = start(t, { ...settings, PORT: '0', SHUTDOWN_DELAY_SECONDS: '300' }, undefined, withScript(clock))
    const ended = once(child, 'exit')
    const finishing = said(child, /(SIGTERM: finishing)/)
    await listening(child)
    child.kill(signals[0])
    await finishing
    child.kill(signals[1])
    t.strictSame(await ended, [1, null])
  })
}

t.test('a signal that npm sends a second time does not cut requests off', { buffered: true }, async (t) => {
  const { hasura, waiting } = await slowHasura(t)
  // Less than a second passes, however slow the machine is.
  const script = 'performance.now = () => 0; process.on(\'SIGINT\', () => { console.log(\'a signal\') })'
  const { child } = start(t, { ...settings, PORT: '0', HASURA_GRAPHQL_ENDPOINT: hasura }, undefined, withScript(script))
  const finishing = said(child, /(SIGINT: finishing)/)
  const again = said(child, /a signal[^]*(a signal)/)
  const response = login(await listening(child))
  while (waiting.length === 0) await after(10)
  child.kill('SIGINT')
  await finishing
  child.kill('SIGINT')
  await again
  const ended = once(child, 'exit')
  waiting.pop()?.()
  t.equal((await response).status, 401)
  t.strictSame(await ended, [0, null])
})

t.test('a signal during the start ends the process', { buffered: true }, async (t) => {
  // A Redis that accepts the connection and does not answer delays the start.
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const { child } = start(t, { ...settings, PORT: '0', REDIS_URL: `redis://127.0.0.1:${port}` })
  child.stdout.resume()
  await once(silent, 'connection')
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
})

t.test('connections without a complete request do not delay the end', { buffered: true }, async (t) => {
  const { child } = start(t, { ...settings, PORT: '0', SHUTDOWN_GRACE_SECONDS: '300' })
  const url = new URL(await listening(child))
  const begun = ['', 'POST /login HTTP/1.1\r\nHos', [
    'POST /login HTTP/1.1', 'Host: a', `X-Hasura-Action-Secret: ${settings.ACTION_SECRET}`,
    'Content-Type: application/json', 'Content-Length: 9', '', '{'
  ].join('\r\n')]
  const sockets = begun.map((begun) => {
    const socket = connect(Number(url.port), url.hostname).on('error', () => { /* it may be reset */ })
    socket.write(begun)
    return socket
  })
  for (const socket of sockets) {
    t.teardown(() => socket.destroy())
    if (socket.connecting) await once(socket, 'connect')
  }
  t.equal((await fetch(new URL('/healthz', url))).status, 200)
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
})

t.test('if localhost has two addresses, the service listens on the first', { buffered: true }, async (t) => {
  const addresses = JSON.stringify([{ address: '127.0.0.1', family: 4 }, { address: '127.0.0.2', family: 4 }])
  const resolver = `
    import dns, { promises } from 'node:dns'
    import { syncBuiltinESMExports } from 'node:module'
    const { lookup } = dns
    dns.lookup = (name, ...rest) => {
      if (name !== 'localhost') lookup(name, ...rest)
      else setImmediate(rest.at(-1), null, ...rest[0].all ? [${addresses}] : ['127.0.0.1', 4])
    }
    promises.lookup = async () => ${addresses}[0]
    syncBuiltinESMExports()`
  const { child } = start(t, { ...settings, PORT: '0', HOST: 'localhost' }, undefined, withScript(resolver))
  const { hostname, port } = new URL(await listening(child))
  t.equal(hostname, '127.0.0.1')
  t.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
  await t.rejects(fetch(`http://127.0.0.2:${port}/healthz`), { cause: { code: 'ECONNREFUSED' } })
})

t.test('metrics are served on a port of their own', { buffered: true }, async (t) => {
  const { url: hasura } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { child } = start(t, { ...settings, PORT: '0', METRICS_PORT: '0', HASURA_GRAPHQL_ENDPOINT: hasura })
  const port = said(child, /Metrics on port (\d+) of HOST, at \/metrics/)
  const url = await listening(child)
  await login(url)
  const metrics = `http://127.0.0.1:${await port}/metrics`
  const page = await (await fetch(metrics)).text()
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds', 'hasura_jwt_auth_attempts_total']) {
    t.match(page, name)
  }
  t.equal((await fetch(new URL('/', metrics))).status, 404)
  t.equal((await fetch(`${url}/metrics`)).status, 404)
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
})

t.test('it reads a .env file, and variables of the process win unless they are empty', { buffered: true }, async (t) => {
  const cwd = temporaryFolder(t)
  const lines = Object.entries({ ...settings, PORT: 'not-a-port' }).map(([name, value]) => `${name}='${value}'`)
  writeFileSync(join(cwd, '.env'), lines.join('\n'))
  const { child } = start(t, { PORT: '0', ACTION_SECRET: '', HASURA_GRAPHQL_ADMIN_SECRET: '' }, cwd)
  const url = await listening(child)
  t.equal((await fetch(`${url}/login`, { method: 'POST' })).status, 401)
})

t.test('a .env file that would be misread is reported in one line, and the exit code is 1', { buffered: true }, async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, '.env'), 'HASURA_GRAPHQL_JWT_SECRET="{"type":"HS256","key":"hunter2"}"')
  const { child, stderr } = start(t, {}, cwd)
  child.stdout.resume()
  t.strictSame(await once(child, 'exit'), [1, null])
  const problem = 'has broken quotation marks in the value of HASURA_GRAPHQL_JWT_SECRET: put the value in single quotes'
  t.equal(await stderr, `.env ${problem}\n`)
})

t.test('each mistake of the operator causes one line, and exit code 1', { buffered: true, skip: skipSlow }, async (t) => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  t.teardown(() => blocker.close())
  const taken = String((blocker.address() as AddressInfo).port)
  const table: Array<[Record<string, string>, RegExp]> = [
    [{ HASURA_GRAPHQL_JWT_SECRET: 'hunter2', LOG_LEVEL: 'loud', HASURA_TIMEOUT_SECONDS: '0' },
      /^(?:(?:LOG_LEVEL|HASURA_TIMEOUT_SECONDS) is unusable: .*\n){2}HASURA_GRAPHQL_JWT_SECRET is not a JSON.*\n$/],
    [{ PORT: taken }, /^PORT is in use by another process: set it to a free port\n$/],
    [{ METRICS_PORT: taken }, /^METRICS_PORT is in use by another process: set it to a free port\n$/],
    [{ HOST: '192.0.2.1' }, /^HOST is not an address of this machine: set it to one that is, or to 0\.0\.0\.0\n$/],
    [{ HOST: 'host.invalid' }, /^Cannot resolve HOST: .*\n$/],
    [{ HOST: '192.0.2.1', METRICS_PORT: '0' }, /^HOST is not an address of this machine: .*\n$/]
  ]
  await Promise.all(table.map(async ([env, message]) => {
    const { child, stderr } = start(t, { ...settings, PORT: '0', ...env })
    child.stdout.resume()
    t.strictSame(await once(child, 'exit'), [1, null])
    t.match(await stderr, message)
    t.notMatch(await stderr, 'hunter2')
  }))
})

t.test('an unexpected error at start keeps its stack', { buffered: true }, async (t) => {
  // A link-local address needs the name of its interface.
  const { child, stderr } = start(t, { ...settings, PORT: '0', HOST: 'fe80::1' })
  child.stdout.resume()
  t.strictSame(await once(child, 'exit'), [1, null])
  t.match(await stderr, /listen E[A-Z]+.*fe80::1\n\s+at /)
})
