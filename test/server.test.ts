import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import t from 'tap'
import { listening, start } from './process.ts'
import { temporaryFolder } from './sandbox.ts'
import { serverOf, settings } from './service.ts'

// Each starts a process of its own, most of whose time is the loader's.
t.jobs = 3

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`it listens, answers, and ends with exit code 0 on ${signal}`, { buffered: true }, async (t) => {
    const { child } = start(t, { ...settings, PORT: '0' })
    const url = await listening(child)
    t.strictSame(await (await fetch(`${url}/healthz`)).json(), { status: 'ok' })
    child.kill(signal)
    t.strictSame(await once(child, 'exit'), [0, null])
  })
}

t.test('a request under way when it is told to end is answered, and its connection does not hold the process', { buffered: true }, async (t) => {
  const waiting: Array<() => void> = []
  const hasura = await serverOf(t, (_request, response) => {
    waiting.push(() => response.end('{"data":{"user":[]}}'))
  })
  const { child } = start(t, { ...settings, PORT: '0', HASURA_GRAPHQL_ENDPOINT: hasura })
  const url = await listening(child)
  // fetch keeps the connection open, as Hasura does.
  const response = fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET },
    body: JSON.stringify({ input: { email: 'a@b.test', password: 'a-password' } })
  })
  while (waiting.length === 0) await after(10)
  child.kill('SIGTERM')
  while (await fetch(`${url}/healthz`).then(() => true, () => false)) await after(10)
  waiting.pop()?.()
  t.equal((await response).status, 401)
  t.equal((await response).headers.get('connection'), 'close')
  t.strictSame(await once(child, 'exit'), [0, null])
})

t.test('an empty variable is an unset one, and the .env file fills it', { buffered: true }, async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, '.env'), Object.entries(settings).map(([name, value]) => `${name}='${value}'`).join('\n'))
  const { child } = start(t, { PORT: '0', ACTION_SECRET: '', HASURA_GRAPHQL_ADMIN_SECRET: '' }, cwd)
  const url = await listening(child)
  t.equal((await fetch(`${url}/login`, { method: 'POST' })).status, 401)
})

t.test('it takes a .env file, and the environment wins', { buffered: true }, async (t) => {
  const cwd = temporaryFolder(t)
  const lines = Object.entries({ ...settings, PORT: 'not-a-port' }).map(([name, value]) => `${name}='${value}'`)
  writeFileSync(join(cwd, '.env'), lines.join('\n'))
  const { child } = start(t, { PORT: '0' }, cwd)
  t.match(await listening(child), 'http://127.0.0.1:')
})

t.test('what stops the start is one line, and exit code 1', { buffered: true }, async (t) => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  t.teardown(() => blocker.close())
  const taken = String((blocker.address() as AddressInfo).port)
  const table: Array<[Record<string, string>, RegExp]> = [
    [{ HASURA_GRAPHQL_JWT_SECRET: 'hunter2' }, /^HASURA_GRAPHQL_JWT_SECRET is not a JSON object: .*\n$/],
    [{ PORT: taken }, /^PORT is taken by another process: set it to a free one\n$/],
    [{ HOST: '192.0.2.1' }, /^HOST is not an address of this machine\n$/]
  ]
  await Promise.all(table.map(async ([env, message]) => {
    const { child, stderr } = start(t, { ...settings, PORT: '0', ...env })
    child.stdout.resume()
    t.strictSame(await once(child, 'exit'), [1, null])
    t.match(await stderr, message)
    t.notMatch(await stderr, 'hunter2')
  }))
})

t.test('a fault that is nobody\'s setting keeps its stack', { buffered: true }, async (t) => {
  const cwd = temporaryFolder(t)
  mkdirSync(join(cwd, '.env'))
  const { child, stderr } = start(t, { ...settings, PORT: '0' }, cwd)
  t.strictSame(await once(child, 'exit'), [1, null])
  t.match(await stderr, /\n\s+at /)
})
