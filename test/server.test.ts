import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { settings } from './service.ts'

/** Starts the process in an empty folder with nothing but `env` in its environment. */
function start (t: Test, env: Record<string, string>, cwd = mkdtempSync(join(tmpdir(), 'hasura-jwt-auth-'))) {
  // Started as tap starts this test, so that the process counts in the coverage.
  const options = Object.entries(process.env).filter(([name]) => /^(NODE_|TAP|_TAPJS)|PATH$/.test(name))
  const child = spawn(process.execPath, [...process.execArgv, resolve('src/server.ts')], {
    cwd, env: { ...Object.fromEntries(options), TS_NODE_PROJECT: resolve('tsconfig.json'), ...env }, stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    rmSync(cwd, { recursive: true, force: true })
  })
  return { child, cwd, stderr: text(child.stderr) }
}

/** The URL that the process says it listens on. Its output is read to the end, so that it can go on writing. */
async function listening (child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += String(chunk)
      const url = /listening at (http:[^"]+)/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.once('exit', () => { reject(new Error(`the process ended: ${output}`)) })
  })
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`it listens, answers, and ends with exit code 0 on ${signal}`, async (t) => {
    const { child } = start(t, { ...settings, PORT: '0' })
    const url = await listening(child)
    t.strictSame(await (await fetch(`${url}/healthz`)).json(), { status: 'ok' })
    child.kill(signal)
    t.strictSame(await once(child, 'exit'), [0, null])
  })
}

t.test('it takes a .env file, and the environment wins', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'hasura-jwt-auth-'))
  const lines = Object.entries({ ...settings, PORT: 'not-a-port' }).map(([name, value]) => `${name}='${value}'`)
  writeFileSync(join(cwd, '.env'), lines.join('\n'))
  const { child } = start(t, { PORT: '0' }, cwd)
  t.match(await listening(child), 'http://127.0.0.1:')
})

t.test('what stops the start is one line, and exit code 1', async (t) => {
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

t.test('a fault that is nobody\'s setting keeps its stack', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'hasura-jwt-auth-'))
  mkdirSync(join(cwd, '.env'))
  const { child, stderr } = start(t, { ...settings, PORT: '0' }, cwd)
  t.strictSame(await once(child, 'exit'), [1, null])
  t.match(await stderr, /\n\s+at /)
})
