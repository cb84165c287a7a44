import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { configSchema } from '../src/config.ts'
import { temporaryFolder } from './support/folders.ts'
import { hasuraOf, settings } from './support/service.ts'

interface Service {
  stop_grace_period?: string
  ports?: string[]
  volumes?: string[]
  environment: Record<string, string>
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<'start' | 'dev', string> }
const text = readFileSync('compose.yaml', 'utf8')
const { services } = parse(text) as { services: Record<'postgres' | 'graphql-engine' | 'auth', Service> }

t.test('compose publishes on loopback alone and mounts what is there', async (t) => {
  for (const { ports = [], volumes = [] } of Object.values(services)) {
    for (const port of ports) t.match(port, /^127\.0\.0\.1:/)
    for (const volume of volumes.filter(volume => volume.startsWith('.'))) {
      const [source = ''] = volume.split(':')
      // Keys are made by whoever needs some, and never committed.
      const isIgnored = readFileSync('.gitignore', 'utf8').split('\n').includes(`${source.slice(1)}/`)
      t.ok(existsSync(source) || isIgnored, volume)
    }
  }
})

t.test('every secret that compose wants is in .env.example', async (t) => {
  const example = readFileSync('.env.example', 'utf8')
  const names = Array.from(text.matchAll(/\$\{(\w+):\?/g), ([, name]) => name ?? '')
  t.strictSame(names.length, 4)
  for (const name of names) t.match(example, new RegExp(`^#?${name}=`, 'm'))
})

t.test('Hasura gets every variable that its metadata reads', async (t) => {
  const actions = readFileSync('hasura/metadata/actions.yaml', 'utf8')
  const databases = readFileSync('hasura/metadata/databases/databases.yaml', 'utf8')
  const wanted = `${actions}${databases}`.matchAll(/\{\{(\w+)\}\}|(?:value_)?from_env: (\w+)/g)
  const names = new Set(Array.from(wanted, ([, template, variable]) => template ?? variable ?? ''))
  t.strictSame([...names].sort(), ['ACTION_BASE_URL', 'ACTION_SECRET', 'PG_DATABASE_URL'])
  for (const name of names) t.ok(services['graphql-engine'].environment[name], name)
})

t.test('the service gets every variable of .env', async (t) => {
  const names = Object.keys(configSchema.properties).filter(name => !['HOST', 'PORT'].includes(name))
  for (const name of names) t.ok(services.auth.environment[name], name)
})

t.test('both sides get the same secrets', async (t) => {
  for (const name of ['HASURA_GRAPHQL_ADMIN_SECRET', 'HASURA_GRAPHQL_JWT_SECRET', 'ACTION_SECRET']) {
    t.match(services['graphql-engine'].environment[name], `\${${name}`)
    t.equal(services.auth.environment[name], `\${${name}}`)
  }
})

t.test('the image copies what is there, is not root, and has node as its process', async (t) => {
  const dockerfile = readFileSync('Dockerfile', 'utf8')
  for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources.split(' ')) t.ok(existsSync(source), source)
  }
  t.match(dockerfile, /^USER node$/m)
  t.strictSame(JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? ''), scripts.start.split(' '), 'the command of npm start')
  t.match(dockerfile, /SIGNUP_PASSWORD_FIELD=redacted/)
})

interface Process { url: string, threads: () => number }

/** Starts the service with a command of package.json, as somebody with nothing else in the environment. */
async function startWith (t: Test, command: string, cwd: string, env: Record<string, string>): Promise<Process> {
  const variables = { ...settings, PORT: '0', PATH: `${resolve('node_modules/.bin')}:${String(process.env['PATH'])}`, ...env }
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  // A group, because tsx has a child.
  const child = spawn('env', ['-i', ...assignments, ...command.split(' ')], { cwd, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL') })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const [url] = /http:[^"]+/.exec(line.value) ?? []
    if (url === undefined) continue
    child.stdout.resume()
    const { pid } = JSON.parse(line.value) as { pid: number }
    return { url, threads: () => readdirSync(`/proc/${pid}/task`).length }
  }
  throw new Error(`${command} ended`)
}

const noProc = existsSync('/proc/self/task') ? false : 'only Linux tells how many threads a process has'

t.test('in development and in production there is a thread for each hash at once, and no more', { skip: noProc }, async (t) => {
  const { url: hasura } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const production = temporaryFolder(t)
  symlinkSync(resolve('node_modules'), join(production, 'node_modules'))
  writeFileSync(join(production, 'package.json'), '{"type":"module"}')
  execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json', '--outDir', join(production, 'dist')])
  const development = temporaryFolder(t)
  for (const name of ['node_modules', 'package.json', 'src', 'tsconfig.json']) symlinkSync(resolve(name), join(development, name))
  for (const [command, cwd] of [[scripts.start, production], [scripts.dev, development]] as const) {
    const unset = { variables: {}, hashes: availableParallelism() }
    for (const { variables, hashes } of [unset, { variables: { PASSWORD_CONCURRENCY: '9' }, hashes: 9 }]) {
      // Long enough that all are running before the first has ended.
      const env = { ...variables, HASURA_GRAPHQL_ENDPOINT: hasura, ARGON2_MEMORY_KIB: '16384', ARGON2_PASSES: '16' }
      const { url, threads } = await startWith(t, command, cwd, env)
      const before = threads()
      const attempts = await Promise.all(Array.from({ length: 2 * hashes }, async (_, caller) => {
        const input = { email: `caller-${caller}@b.test`, password: 'a-password' }
        const { status } = await fetch(`${url}/login`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET },
          body: JSON.stringify({ input })
        })
        return status
      }))
      t.ok(attempts.every(status => status === 401), command)
      // The first one is made at the start; Node.js has a few more of its own for each.
      t.equal(threads() - before, hashes - 1, `${command} ${JSON.stringify(variables)}`)
    }
  }
})

t.test('compose waits longer than the service may take to end', async (t) => {
  const { SHUTDOWN_DELAY_SECONDS: delay, SHUTDOWN_GRACE_SECONDS: grace } = configSchema.properties
  t.ok(Number.parseInt(String(services.auth.stop_grace_period)) > delay.default + grace.default)
})
