import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { Test } from 'tap'
import { parse } from 'yaml'
import { configSchema } from '../src/config.ts'
import { temporaryFolder } from './support/folders.ts'
import { hasuraOf, serverOf, settings } from './support/service.ts'
import { skipSlow } from './support/slow.ts'
import { smtpServer } from './support/smtp-servers.ts'

interface Mount { type: string, source: string, read_only: boolean, bind?: { create_host_path: boolean } }

interface Service {
  profiles?: string[]
  restart: string
  security_opt: string[]
  read_only?: boolean
  cap_drop?: string[]
  stop_grace_period?: string
  ports?: string[]
  volumes?: Array<Mount | string>
  environment: Record<string, string>
  healthcheck?: { test: string[] }
}

interface Job {
  'timeout-minutes': number
  'steps': Array<{ uses?: string, run?: string }>
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<'start', string> }
const text = readFileSync('compose.yaml', 'utf8')
const { services } = parse(text) as { services: Record<'postgres' | 'graphql-engine' | 'auth' | 'mailpit', Service> }

t.test('compose publishes ports on loopback only', async (t) => {
  const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
  t.ok(ports.length > 0)
  for (const port of ports) t.match(port, /^127\.0\.0\.1:/)
})

t.test('compose mounts folders of the repository read-only, and never lets Docker create one as root', async (t) => {
  const mounts = Object.values(services).flatMap(({ volumes = [] }) => volumes)
  t.strictSame(mounts.filter(mount => typeof mount === 'string'), ['postgres:/var/lib/postgresql/data'], 'a named volume')
  const folders = mounts.filter(mount => typeof mount !== 'string')
  t.strictSame(folders.map(({ source }) => source), ['./hasura/metadata', './hasura/migrations', './keys'])
  for (const { source, ...mount } of folders) {
    t.match(mount, { type: 'bind', read_only: true, bind: { create_host_path: false } }, source)
    t.ok(readdirSync(source).length > 0, `${source} is in the repository`)
  }
  t.match(readFileSync('keys/.gitignore', 'utf8'), /^\*$/m, 'keys are never committed')
})

t.test('every container restarts, and gains no privileges', async (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.match(service, { restart: 'unless-stopped', security_opt: ['no-new-privileges:true'] }, name)
  }
  t.match(services.auth, { read_only: true, cap_drop: ['ALL'] })
})

t.test('the health check of PostgreSQL uses TCP, which is closed while the database is initialized', async (t) => {
  t.strictSame(services.postgres.healthcheck?.test, ['CMD', 'pg_isready', '-h', '127.0.0.1', '-U', 'postgres'])
})

t.test('the health check of Hasura needs only bash, and passes only if the answer is 200', async (t) => {
  const [kind, shell, ...args] = services['graphql-engine'].healthcheck?.test ?? []
  t.strictSame([kind, shell], ['CMD', 'bash'])
  const check = async (port: string): Promise<boolean> => {
    // Compose reads $$ as $.
    const command = args.map(arg => arg.replaceAll('$$', '$').replace('8080', port))
    // Without a PATH it finds no other program.
    const child = spawn('/bin/bash', command, { env: { PATH: '' }, stdio: 'ignore' })
    const [status] = await once(child, 'exit') as [number]
    return status === 0
  }
  for (const status of [200, 500, 503, 204]) {
    const asked: Array<string | undefined> = []
    const url = await serverOf(t, (request, response) => {
      asked.push(request.url)
      response.writeHead(status).end('OK')
    })
    t.equal(await check(new URL(url).port), status === 200, `${status}`)
    t.strictSame(asked, ['/healthz?strict=true'])
  }
  t.equal(await check('1'), false, 'nothing listens')
})

t.test('.env.example has every secret that compose requires', async (t) => {
  const example = readFileSync('.env.example', 'utf8')
  const names = Array.from(text.matchAll(/\$\{(\w+):\?/g), ([, name]) => name ?? '')
  t.strictSame(names.length, 4)
  for (const name of names) t.match(example, new RegExp(`^#?${name}=`, 'm'))
})

t.test('Mailpit starts only with its profile, which .env.example names together with its URL', async (t) => {
  const [, profile = '', url = ''] = /--profile (\w+) up`[^`]*SMTP_URL=(smtp:\S+),/.exec(readFileSync('.env.example', 'utf8')) ?? []
  const profiles = Object.entries(services).map(([name, { profiles }]) => [name, profiles])
  t.strictSame(profiles.filter(([, profiles]) => profiles !== undefined), [['mailpit', [profile]]])
  t.equal(url, 'smtp://mailpit:1025')
})

t.test('compose passes Hasura every variable that its metadata reads', async (t) => {
  const actions = readFileSync('hasura/metadata/actions.yaml', 'utf8')
  const databases = readFileSync('hasura/metadata/databases/databases.yaml', 'utf8')
  const wanted = `${actions}${databases}`.matchAll(/\{\{(\w+)\}\}|(?:value_)?from_env: (\w+)/g)
  const names = new Set(Array.from(wanted, ([, template, variable]) => template ?? variable ?? ''))
  t.strictSame([...names].sort(), ['ACTION_BASE_URL', 'ACTION_SECRET', 'PG_DATABASE_URL'])
  for (const name of names) t.ok(services['graphql-engine'].environment[name], name)
})

t.test('compose passes the service every variable of the schema', async (t) => {
  const names = Object.keys(configSchema.properties).filter(name => !['HOST', 'PORT'].includes(name))
  for (const name of names) t.ok(services.auth.environment[name], name)
})

t.test('compose passes both sides the same secrets', async (t) => {
  for (const name of ['HASURA_GRAPHQL_ADMIN_SECRET', 'HASURA_GRAPHQL_JWT_SECRET', 'ACTION_SECRET']) {
    t.match(services['graphql-engine'].environment[name], `\${${name}`)
    t.equal(services.auth.environment[name], `\${${name}}`)
  }
})

t.test('the image copies existing files, runs as a numeric user, and starts node itself', async (t) => {
  const dockerfile = readFileSync('Dockerfile', 'utf8')
  for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources.split(' ')) t.ok(existsSync(source), source)
  }
  t.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m, 'Kubernetes checks runAsNonRoot only for a number')
  t.strictSame(JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? ''), scripts.start.split(' '), 'as npm start')
  t.match(dockerfile, /SIGNUP_PASSWORD_FIELD=redacted/)
})

interface Process { url: string, threads: () => number }

/** Starts the service with a script of package.json and an otherwise empty environment. */
async function startWith (t: Test, command: string, cwd: string, env: Record<string, string>): Promise<Process> {
  const variables = { ...settings, PORT: '0', PATH: `${resolve('node_modules/.bin')}:${String(process.env['PATH'])}`, ...env }
  const [file = '', ...args] = command.split(' ')
  const child = spawn(file, args, { cwd, env: variables, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
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

const skipThreads = skipSlow || (!existsSync('/proc/self/task') && 'the threads of a process are counted in /proc, on Linux')

/** A folder with the production build, and what the image copies beside it. */
function buildProduction (t: Test): string {
  const production = temporaryFolder(t)
  symlinkSync(resolve('node_modules'), join(production, 'node_modules'))
  // `tsc -b` checks the types.
  execFileSync('npx', ['tsc', '-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(production, 'dist')])
  const [, lastStage = ''] = /^(?:[^]*\n)?FROM ([^]*)$/.exec(readFileSync('Dockerfile', 'utf8')) ?? []
  for (const [, source = '', target = ''] of lastStage.matchAll(/^COPY (?!--from)(\S+) (\S+)$/gm)) {
    cpSync(source, join(production, target === './' ? source : target), { recursive: true })
  }
  return production
}

t.test('the production build sends mails, and needs only what the image copies', async (t) => {
  const { settings: mail, next } = await smtpServer(t)
  const user = { id: 1, email: 'a@b.test', password: 'a-hash', default_role: 'user', disabled_at: null, email_verified_at: null, roles: [] }
  const { url: hasura } = await hasuraOf(t, { UserByEmail: { data: { user: [user] } } })
  const { url } = await startWith(t, scripts.start, buildProduction(t), { ...mail, HASURA_GRAPHQL_ENDPOINT: hasura })
  const { status } = await fetch(`${url}/request-password-reset`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET },
    body: JSON.stringify({ input: { email: user.email } })
  })
  t.equal(status, 200)
  t.match((await next()).mail, { subject: 'Reset your password', text: /https:\/\/app\.test\/reset-password#token=\S{76}/ })
})

t.test('the production build has one thread for each concurrent hash', { skip: skipThreads }, async (t) => {
  const { url: hasura } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const production = buildProduction(t)
  const unset = { variables: {}, hashes: availableParallelism() }
  for (const { variables, hashes } of [unset, { variables: { PASSWORD_CONCURRENCY: '9' }, hashes: 9 }]) {
    // Slow enough that all of them run before the first one ends.
    const env = { ...variables, HASURA_GRAPHQL_ENDPOINT: hasura, ARGON2_MEMORY_KIB: '16384', ARGON2_PASSES: '16' }
    const { url, threads } = await startWith(t, scripts.start, production, env)
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
    t.ok(attempts.every(status => status === 401))
    // The first thread starts with the service. Threads of Node.js itself are in both counts.
    t.equal(threads() - before, hashes - 1, JSON.stringify(variables))
  }
})

t.test('compose gives the service longer to stop than it takes at most', async (t) => {
  const { SHUTDOWN_DELAY_SECONDS: delay, SHUTDOWN_GRACE_SECONDS: grace } = configSchema.properties
  t.ok(Number.parseInt(String(services.auth.stop_grace_period)) > delay.default + grace.default)
})

t.test('CI runs .ci/run with time limits, and pins every action to a commit', async (t) => {
  const workflow = parse(readFileSync('.github/workflows/ci.yml', 'utf8')) as { concurrency: object, jobs: Record<string, Job> }
  t.ok(workflow.concurrency)
  const jobs = Object.values(workflow.jobs)
  for (const job of jobs) t.ok(job['timeout-minutes'] > 0)
  const steps = jobs.flatMap(({ steps }) => steps)
  t.ok(steps.some(({ run }) => run === '.ci/run'))
  const actions = steps.flatMap(({ uses = [] }) => uses)
  t.ok(actions.length > 0)
  for (const action of actions) t.match(action, /^[\w-]+\/[\w-]+@[\da-f]{40}$/)
})
