import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { databaseSettings, onEachDatabase } from '../support/databases.ts'
import { dataFolder } from '../support/folders.ts'
import { noServer } from '../support/postgres.ts'
import { compiled, start } from '../support/process.ts'
import { sandbox } from '../support/sandbox.ts'
import { skipSlow } from '../support/slow.ts'

const shell = promisify(execFile)

/** Runs the sandbox as a process. `printed` resolves when it has printed the commands to try, or has ended. */
function run (t: Test, env: Record<string, string>) {
  const { child, stderr } = start(t, { SANDBOX_PORT: '0', PORT: '0', ...env }, '.', [compiled('src/sandbox/main.ts')])
  let output = ''
  const printed = new Promise<string>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      if (output.includes('Ctrl-C stops it')) resolve(output)
    })
    child.once('close', () => { resolve(output) })
  })
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => code ?? signal)
  return { child, printed, ended, errors: stderr }
}

/** The commands to paste. Each is one line. */
function commandsOf (output: string): string[] {
  return output.split('\n').filter(line => /^(curl |node |(REFRESH_)?TOKEN=)/.test(line))
}

onEachDatabase('the printed commands work when they are pasted', async (t, database) => {
  const data: Record<string, string> = await databaseSettings(t, database)
  const { child, printed, ended } = run(t, data)
  const output = await printed
  t.match(output, 'for development')
  t.match(output, database === 'embedded'
    ? `\n  database       the embedded PostgreSQL, data in ${String(data['SANDBOX_DATA_DIR'])}\n`
    : /\n {2}database {7}PostgreSQL \d+\.\d+ at postgres@\S+\/test_\w+\n/)
  t.match(output, /\n {2}mail {11}http:\/\/127\.0\.0\.1:\d+\/inbox\.json\n/)
  t.notMatch(output, 'password-of-the-tests')
  const commands = commandsOf(output)
  t.equal(commands.length, 10)
  const { stdout } = await shell('bash', ['-ec', commands.join('\necho ---\n')])
  const [signup, login, , claims, own, , refresh, admin, everybody, webhook] = stdout.split('---\n')
  t.match(signup, /^\{"data":\{"Signup":\{"id":\d+,"email":"newuser@test\.com","password":"\$argon2id\$v=19\$m=19456,/)
  t.match(login, /^\{"data":\{"Login":\{"token":"eyJ/)
  t.match(claims, /'x-hasura-user-id': '\d+'/)
  t.match(own, /^\{"data":\{"user":\[\{"id":\d+,"email":"newuser@test\.com"\}\]\}\}$/)
  t.match(refresh, /^\{"data":\{"Refresh":\{"token":"eyJ[^"]+","expires_in":900,"session_id":"[\da-f-]{36}"\}\}\}$/)
  t.match(admin, /^\{"data":\{"Login":\{"token":"eyJ/)
  t.match(everybody, /"admin@site\.com".*"newuser@test\.com"/)
  t.match(webhook, /^\{"token":"eyJ/)

  child.kill('SIGINT')
  t.equal(await ended, 0)
  if (database === 'embedded') t.strictSame(readdirSync(String(data['SANDBOX_DATA_DIR'])), ['postgres'])
})

t.test('an unusable database prints one line without the password', { skip: noServer }, async (t) => {
  const url = new URL(String((await databaseSettings(t, 'server')).SANDBOX_DATABASE_URL))
  url.password = 'secret'
  const { ended, errors, printed } = run(t, { SANDBOX_DATABASE_URL: url.href })
  const server = `PostgreSQL at ${String(url.searchParams.get('host'))}:5432, which SANDBOX_DATABASE_URL names,`
  t.equal(await errors, `${server} refuses the connection: password authentication failed for user "postgres"\n`)
  t.equal(await printed, '')
  t.equal(await ended, 1)
})

t.test('settings of the environment are used and never printed', { skip: skipSlow }, async (t) => {
  const { child, printed, ended, errors } = run(t, {
    SANDBOX_DATA_DIR: dataFolder(t),
    HASURA_GRAPHQL_ADMIN_SECRET: 'secret-of-the-admin',
    ACTION_SECRET: 'secret-of-the-actions',
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ type: 'HS256', key: 'secret-of-the-tokens'.repeat(3) })
  })
  const output = await printed
  t.match(output, '-H "x-hasura-admin-secret: $HASURA_GRAPHQL_ADMIN_SECRET"')
  t.match(output, '-H "x-hasura-action-secret: $ACTION_SECRET"')
  t.notMatch(output, 'secret-of-the')
  const [everybody] = commandsOf(output).filter(line => line.includes('ADMIN_SECRET'))
  const env = { HASURA_GRAPHQL_ADMIN_SECRET: 'secret-of-the-admin' }
  const { stdout } = await shell('bash', ['-c', everybody ?? ''], { env })
  t.match(stdout, '{"data":{"user":[{"id":1,"email":"admin@site.com","default_role":"admin"}]}}')
  child.kill('SIGTERM')
  t.equal(await ended, 0)
  t.notMatch(await errors, 'secret-of-the')
})

t.test('a killed sandbox loses no change that it has confirmed', { skip: skipSlow }, async (t) => {
  const data = dataFolder(t)
  const first = run(t, { SANDBOX_DATA_DIR: data })
  const [signup = ''] = commandsOf(await first.printed)
  await shell('bash', ['-c', signup])
  first.child.kill('SIGKILL')
  t.equal(await first.ended, 'SIGKILL')

  const second = run(t, { SANDBOX_DATA_DIR: data })
  const login = commandsOf(await second.printed)[1] ?? ''
  t.match((await shell('bash', ['-c', login])).stdout, '{"data":{"Login":{"token":')
  second.child.kill('SIGINT')
  t.equal(await second.ended, 0)
})

t.test('a start that fails prints one line with the remedy', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const data = dataFolder(t)
  const { ended, errors } = run(t, { SANDBOX_DATA_DIR: data, SANDBOX_PORT: String(port) })
  t.equal(await errors, `Port ${port} is taken by another process: set SANDBOX_PORT to a free one, or to 0\n`)
  t.equal(await ended, 1)

  const table: Array<[Record<string, string>, string]> = [
    [{ PORT: String(port) }, `Port ${port} is taken by another process: set PORT to a free one, or to 0`],
    [{ SANDBOX_PORT: 'eighty' }, 'SANDBOX_PORT must be a port number, 0 to 65535; 0 takes a free one'],
    [{ HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"short"}' },
      'Invalid JWK: Key size too small; should be atleast 32 characters'],
    [{ ARGON2_PASSES: 'many' }, 'ARGON2_PASSES is unusable: it must be a number of passes from 1 to 64']
  ]
  for (const [env, message] of table) {
    await t.rejects(sandbox(t, { env: { SANDBOX_DATA_DIR: data, ...env } }), { message }, message)
  }
  t.strictSame(readdirSync(data), ['postgres'])
})
