import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { ownActions } from '../../../src/cli/doctor/check-metadata.ts'
import { doctor } from '../../../src/cli/doctor/doctor.ts'
import type { Environment } from '../../../src/config.ts'
import { temporaryFolder } from '../../support/folders.ts'
import { pairFor, privatePem } from '../../support/key-pairs.ts'
import { compiled, start } from '../../support/process.ts'
import { projectWith } from '../../support/project.ts'
import type { ProjectChanges } from '../../support/project.ts'
import { sandbox } from '../../support/sandbox.ts'
import type { SandboxOptions } from '../../support/sandbox.ts'
import { serverOf, settings } from '../../support/service.ts'
import { tokenSecret } from '../../support/sessions.ts'
import { smtpServer } from '../../support/smtp-servers.ts'

/** A running sandbox with sessions, mail and verified emails, and the settings of its service. */
async function deployment (t: Test, options: SandboxOptions = {}) {
  const env = { ...tokenSecret, UNVERIFIED_ROLE: 'unverified', ...options.env }
  const { settings: { SMTP_URL } } = await smtpServer(t)
  const own = { ...env, SMTP_URL, MAIL_FROM: 'auth@example.com', APP_URL: 'https://app.example.com' }
  const running = await sandbox(t, { ...options, env: own })
  const serviceEnv: Environment = { ...settings, ...own, HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl }
  return { ...running, env: serviceEnv }
}

/** What the doctor finds, except what is well: the check, and `?` if it could not run, with its text. */
async function findings (env: Environment): Promise<string[]> {
  const marks = { ok: '', failed: '', unknown: '?' }
  const problems = (await doctor(env)).filter(({ state }) => state !== 'ok')
  return problems.map(({ check, state, text }) => `${marks[state]}${check}: ${text}`)
}

type Edit = [file: string, from: string | RegExp, to: string]

/** A copy of the project with changes in files of its metadata. */
function projectWhere (t: Test, edits: Edit[], changes: ProjectChanges = {}): string {
  const project = projectWith(t, changes)
  for (const [file, from, to] of edits) {
    const path = join(project, 'metadata', file)
    const before = readFileSync(path, 'utf8')
    writeFileSync(path, before.replace(from, to))
    t.not(before, readFileSync(path, 'utf8'), file)
  }
  return project
}

type Answer = Record<string, unknown>

/**
 * Stands before a sandbox and replaces answers: those of the metadata API by its request's type, those of GraphQL by a
 * part of the query, and the header Date. A number is a status; 0 breaks the connection.
 */
async function before (
  t: Test, url: string, answers: Record<string, Answer | number>, date?: () => Date
): Promise<string> {
  return serverOf(t, (request, response) => {
    void text(request).then(async (body) => {
      const [, answer] = Object.entries(answers).find(([part]) => body.includes(part)) ?? []
      if (answer === 0) {
        response.destroy()
        return
      }
      const own = Object.entries(request.headers).filter(([name]) => !['host', 'connection', 'content-length'].includes(name))
      const relayed = await fetch(`${url}${String(request.url)}`, {
        method: String(request.method), headers: Object.fromEntries(own) as Record<string, string>, ...body !== '' && { body }
      })
      response.statusCode = typeof answer === 'number' ? answer : relayed.status
      const isRelayed = (name: string): boolean => /^(?:access|content-type)/.test(name)
      for (const [name, value] of relayed.headers) if (isRelayed(name)) response.setHeader(name, value)
      if (date !== undefined) response.setHeader('date', date().toUTCString())
      response.end(typeof answer === 'object' ? JSON.stringify(answer) : await relayed.text())
    })
  })
}

t.test('a healthy deployment', async (t) => {
  const { env, as, hasuraUrl } = await deployment(t)
  const rows = async () => as('admin', '{ user { id last_login_at } user_session { id } user_role { user_id } role { name } }')
  const rowsBefore = await rows()

  await t.test('every check succeeds, in the order in which they are worth reading', async (t) => {
    const all = await doctor(env)
    t.strictSame(all.map(({ check, state }) => `${state} ${check}`), [
      'configuration', 'plural secrets', 'Hasura', 'admin secret', 'tables and columns', 'operations', 'metadata', 'isolation level',
      'actions', 'webhook', 'unauthorized role', 'clock', 'token', 'unverified role', 'dev mode', 'CORS', 'SMTP'
    ].map(check => `ok ${check}`))
    t.strictSame(await rows(), rowsBefore, 'nothing is left behind')
  })

  await t.test('without mail and APP_URL, these checks say how to turn them on', async (t) => {
    const none = { SMTP_URL: '', MAIL_FROM: '', APP_URL: '', UNVERIFIED_ROLE: '' }
    t.strictSame(await findings({ ...env, ...none }), [
      '?CORS: set APP_URL to the URL of your app to check it', '?SMTP: off: set SMTP_URL to send mail'
    ])
  })

  await t.test('settings of the service that do not fit Hasura are named, with the remedy', async (t) => {
    const json = 'to the same JSON on both sides, and restart both'
    const jwtSecret = JSON.parse(settings.HASURA_GRAPHQL_JWT_SECRET) as object
    const page = await serverOf(t, (_request, response) => { response.end('<html>') })
    const table: Array<[Environment, Array<string | RegExp>]> = [
      [{ HASURA_GRAPHQL_ENDPOINT: page },
        [`Hasura: ${page}/ does not answer GraphQL at /v1/graphql: correct HASURA_GRAPHQL_ENDPOINT`]],
      [{ HASURA_GRAPHQL_ADMIN_SECRET: 'another' },
        [/^admin secret: Hasura refuses it \(invalid "x-hasura-admin-secret".*\): set \w+ADMIN_SECRET to /]],
      [{ HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1:1' },
        [/^Hasura: http:\/\/127\.0\.0\.1:1\/ cannot be reached \(.+\): start Hasura, or correct /]],
      [{ HASURA_GRAPHQL_ENDPOINT: `${hasuraUrl}/nothing` },
        [`Hasura: ${hasuraUrl}/nothing does not answer GraphQL at /v1/graphql: correct HASURA_GRAPHQL_ENDPOINT`]],
      [{ HASURA_GRAPHQL_ENDPOINT: 'ftp://x', ACTION_SECRET: 'short' },
        [/^configuration: ACTION_SECRET is unusable/, /^configuration: HASURA_GRAPHQL_ENDPOINT is not an http/]],
      [{ HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"another-key-of-at-least-thirty-two-bytes"}' }, [
        `token: Hasura refuses it (Could not verify JWT: JWSError JWSInvalidSignature): set HASURA_GRAPHQL_JWT_SECRET ${json}`,
        '?dev mode: needs a token'
      ]],
      [{ HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ ...jwtSecret, claims_namespace: 'x' }) }, [
        'token: Hasura does not find its claims (claims key: \'https://hasura.io/jwt/claims\' not found): '
        + `set HASURA_GRAPHQL_JWT_SECRET ${json}`,
        '?dev mode: needs a token'
      ]],
      [{ HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ ...jwtSecret, header: { type: 'Cookie', name: 't' } }) },
        [/^token: Hasura ignores it, or its role may not call RevokeSession: set /, /^\?dev mode/]],
      [{ UNVERIFIED_ROLE: 'newcomer' }, [
        ...[...ownActions().keys()].filter(name => name !== 'Signup').map(name => (
          `actions: the action ${name} has no permission for the role newcomer: add it`
        )),
        /^unverified role: newcomer may not call the actions \(.*\): run npm run adopt, and deploy$/
      ]],
      [{ HASURA_GRAPHQL_ADMIN_SECRETS: '["a"]', HASURA_GRAPHQL_JWT_SECRETS: '[]', SMTP_URL: 'smtp://127.0.0.1:1' }, [
        'plural secrets: HASURA_GRAPHQL_ADMIN_SECRETS and HASURA_GRAPHQL_JWT_SECRETS is set, and Hasura uses it instead of the '
        + 'single one: unset it',
        'SMTP: 127.0.0.1 does not accept the login (ESOCKET): correct SMTP_URL'
      ]]
    ]
    for (const [changes, expected] of table) {
      const found = await findings({ ...env, ...changes })
      t.match(found, expected, JSON.stringify(changes))
      t.equal(found.length, expected.length, found.join('\n'))
    }
  })

  await t.test('an SMTP server that refuses the login', async (t) => {
    const { port } = await smtpServer(t, { onAuth: (_auth, _session, callback) => { callback(new Error('no')) } })
    t.strictSame(await findings({ ...env, SMTP_URL: `smtp://user:password@127.0.0.1:${port}` }),
      ['SMTP: 127.0.0.1 does not accept the login (EAUTH 535): correct SMTP_URL'])
  })

  await t.test('what only a real Hasura shows, by its documented answers', async (t) => {
    const jwt = (problem: string): Answer => (
      { errors: [{ message: `Could not verify JWT: ${problem}`, extensions: { path: '$', code: 'invalid-jwt' } }] }
    )
    const reached = (message: string, internal?: object): Record<string, Answer> => ({
      'Refresh(': { errors: [{ message, extensions: { path: '$', code: 'unexpected', internal } }] }
    })
    const now = Date.now()
    const login = { name: 'Login', definition: { handler: 'http://auth:3000/login' } }
    const served = 'Hasura does not serve its metadata API'
    const table: Array<[Record<string, Answer | number>, number, Array<string | RegExp>]> = [
      [{
        inconsistent: { is_consistent: false, inconsistent_objects: [{ name: 'x', reason: 'no table' }, {}] },
        IntrospectionQuery: { errors: [{ message: 'no', extensions: { code: 'validation-failed' } }] },
        ...reached('not a valid json response from webhook'),
        c1699: { errors: [{ message: 'x', extensions: { code: 'validation-failed' } }] }
      }, now - 100_000, [
        '?operations: Hasura does not describe its types: introspection is disabled for admins',
        'metadata: 2 objects are inconsistent, the first is x: no table. Correct it, then run hasura metadata reload',
        'webhook: something other than this service answers Hasura: correct ACTION_BASE_URL on Hasura',
        /^clock: Hasura's is \d+ seconds behind: synchronize both clocks$/,
        '?dev mode: the role cannot select the ids of users'
      ]],
      [{ '_metadata': 404, ...reached('internal error'), 'RevokeSession(': jwt('JWTIssuedAtFuture') }, now + 100_000, [
        `?metadata: ${served}`,
        `?isolation level: ${served}: HASURA_GRAPHQL_ENABLED_APIS lacks metadata`,
        `?actions: ${served}: HASURA_GRAPHQL_ENABLED_APIS lacks metadata`,
        'webhook: the service, or a proxy in front of it, answers with HTTP 5xx: its log has the cause',
        /^clock: Hasura's is \d+ seconds ahead: synchronize both clocks$/,
        /^token: Hasura's clock is behind: synchronize both clocks, or set allowed_skew/,
        '?dev mode: needs a token'
      ]],
      [{
        'export': { metadata: { sources: [] } },
        ...reached('http exception when calling webhook'),
        'RevokeSession(': jwt('JWTExpired')
      }, Number.NaN, [
        '?isolation level: no database tracks the table user_session',
        ...Array.from(ownActions().keys(), name => `actions: the action ${name} is missing: add it with npm run adopt, and deploy`),
        /^webhook: Hasura cannot reach the service \(no details\): start it, and set/,
        '?clock: Hasura\'s answers have no date',
        /^token: Hasura's clock is ahead by the lifetime of a token: /,
        '?dev mode: needs a token'
      ]],
      [{
        export: { metadata: { sources: [{ tables: [{ table: { name: 'user_session' } }] }], actions: [login] } },
        ...reached('something else')
      }, now, [
        / Signup is missing: /,
        'actions: the action Login does not send the header x-hasura-action-secret: add it to its headers',
        ...['anonymous', 'unverified'].map(role => `actions: the action Login has no permission for the role ${role}: add it`),
        'actions: the action Login has no permission for signed-in users: add their roles',
        ...Array.from({ length: ownActions().size - 2 }, () => / is missing: /),
        'webhook: an unexpected answer (unexpected): something else'
      ]]
    ]
    for (const [answers, time, expected] of table) {
      const date = (): Date => new Date(time - now + Date.now())
      const found = await findings({ ...env, HASURA_GRAPHQL_ENDPOINT: await before(t, hasuraUrl, answers, date) })
      t.match(found, expected, JSON.stringify(answers))
      t.equal(found.length, expected.length, found.join('\n'))
    }
  })

  await t.test('the command prints a line for each check, and sets the exit code', async (t) => {
    const run = async (changes: Environment, cwd = process.cwd()): Promise<[string, string, unknown]> => {
      const all = { ...env, ...changes } as Record<string, string>
      const { child, stderr } = start(t, all, cwd, [compiled('src/cli/doctor/main.ts')])
      const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<unknown[]>])
      return [stdout, await stderr, code]
    }
    const breaking = await before(t, hasuraUrl, { _metadata: 0 })
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, '.env'), 'A="b')
    const [healthy, broken, colored, interrupted, unreadable] = await Promise.all([
      run({ METRICS_PORT: new URL(hasuraUrl).port }), run({ HASURA_GRAPHQL_ADMIN_SECRET: 'another' }),
      run({ HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1:1', FORCE_COLOR: '1' }), run({ HASURA_GRAPHQL_ENDPOINT: breaking }),
      run({}, folder)
    ])
    t.match(healthy, [/^ok {6}configuration: complete\n(?:ok {6}.*\n){16}$/, /^$/, 0], 'also while METRICS_PORT is in use')
    t.match(broken, [/\nFAILED {2}admin secret: /, /^$/, 1])
    t.match(colored, [/\n\u001B\[31mFAILED \u001B\[39m Hasura: /, /^$/, 1])
    t.match(interrupted, [/^$/, /^fetch failed\n$/, 1])
    t.match(unreadable, [/^$/, /^\.env has broken quotation marks/, 1])
    for (const [output] of [healthy, broken]) t.notMatch(output, /of-the-tests|thirty-two-bytes/, 'no secret is printed')
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    t.equal(scripts['doctor'], 'tsc -b --noCheck && node build/src/cli/doctor/main.js', 'the same command as in this test')
  })
})

t.test('mistakes in the metadata of the actions, and serializable transactions', async (t) => {
  const { env } = await deployment(t, {
    project: projectWhere(t, [
      ['databases/databases.yaml', 'isolation_level: read-committed', 'isolation_level: serializable'],
      ['actions.yaml', / {2}- name: Logout\n(?: {4}.*\n)+/, ''],
      ['actions.yaml', '{{ACTION_BASE_URL}}/change-password', '{{ACTION_BASE_URL}}/changePassword'],
      ['actions.yaml', /(- name: VerifyEmail\n(?: {4}.*\n)*?) {6}headers:\n(?: {8}.*\n)+/, '$1'],
      ['actions.yaml', /(- name: Login\n(?: {4}.*\n)*?) {6}- role: anonymous\n/, '$1'],
      ['actions.yaml', /(- name: Signup\n(?: {4}.*\n)*?) {6}- role: anonymous\n/, '$1'],
      ['actions.yaml', /(- name: DeleteAccount\n(?: {4}.*\n)*?) {6}- role: user\n/, '$1']
    ])
  })
  t.strictSame(await findings(env), [
    'isolation level: serializable for the database default: set isolation_level to read-committed in databases.yaml',
    'actions: the action Login has no permission for the role anonymous: add it',
    'actions: the action Logout is missing: add it with npm run adopt, and deploy',
    'actions: the action ChangePassword has the handler {{ACTION_BASE_URL}}/changePassword: it must end with /change-password',
    'actions: the action VerifyEmail does not send the header x-hasura-action-secret: add it to its headers',
    'actions: the action DeleteAccount has no permission for signed-in users: add their roles'
  ])
})

t.test('client headers that Hasura does not forward, and one that it must not forward', async (t) => {
  const list = String.raw` {6}ignored_client_headers:\n(?: {8}.*\n)+`
  const { env } = await deployment(t, {
    project: projectWhere(t, [
      ['actions.yaml', /(- name: Login\n(?: {4}.*\n)*? {6}forward_client_headers: )true/, '$1false'],
      ['actions.yaml', new RegExp(`(- name: Logout\n(?: {4}.*\n)*?) {6}forward_client_headers: true\n(?: {6}#.*\n)*${list}`), '$1'],
      ['actions.yaml', /(- name: ResetPassword\n(?: {4}.*\n)*? {4}.*), Transfer-Encoding/, '$1'],
      ['actions.yaml', /(- name: VerifyEmail\n(?: {4}.*\n)*? {4}.*) Transfer-Encoding/, '$1 transfer-encoding'],
      ['actions.yaml', new RegExp(`(- name: ChangeEmail\n(?: {4}.*\n)*?)${list}`), '$1'],
      ['actions.yaml', /(- name: Signup\n(?: {4}.*\n)*? {6}forward_client_headers: )false/, '$1true']
    ])
  })
  const notForwarded = (name: string): string => (
    `actions: the action ${name} does not forward the client's headers: set forward_client_headers to true`
  )
  const chunked = (name: string): string => `actions: the action ${name} forwards the header Transfer-Encoding: `
    + 'copy ignored_client_headers from hasura/metadata/actions.yaml'
  const always = ['Signup', 'ResetPassword', 'ChangeEmail'].map(chunked)
  const [first = '', ...others] = always
  const withHeaders = [first, notForwarded('Login'), notForwarded('Logout'), ...others]
  for (const [changes, expected] of [
    [{}, always], [{ CLIENT_ADDRESS_HEADER: 'x-client-address' }, withHeaders], [{ REFRESH_COOKIE: 'on' }, withHeaders]
  ] as const) {
    t.strictSame(await findings({ ...env, ...changes }), expected, JSON.stringify(changes))
  }
})

t.test('a database without a column, and a webhook that Hasura cannot reach', async (t) => {
  const { env } = await deployment(t, {
    project: projectWhere(t, [['actions.yaml', '{{ACTION_BASE_URL}}/refresh', 'http://127.0.0.1:1/refresh']],
      { migration: 'ALTER TABLE public."user" DROP COLUMN disabled_at CASCADE;' })
  })
  t.match(await findings(env), [
    /^tables and columns: Hasura's schema lacks .*user\.disabled_at.*Apply hasura\/migrations/,
    /^operations: \w+: .*disabled_at.* \d+ problems: apply the migrations and the metadata of npm run adopt$/,
    'webhook: Hasura cannot reach the service (Connection failure): start it, and set ACTION_BASE_URL on Hasura to its URL '
    + 'as Hasura reaches it'
  ])
})

t.test('another action secret, dev mode, another unauthorized role, and web pages that may not call Hasura', async (t) => {
  const { env } = await deployment(t, {
    project: projectWhere(t, [['actions.yaml', /value_from_env: ACTION_SECRET/g, 'value_from_env: OTHER_SECRET']]),
    env: {
      HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({
        ...JSON.parse(settings.HASURA_GRAPHQL_JWT_SECRET) as object, header: { type: 'CustomHeader', name: 'x-token' }
      }),
      OTHER_SECRET: 'another-secret', HASURA_GRAPHQL_DEV_MODE: 'true', HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'public',
      HASURA_GRAPHQL_CORS_DOMAIN: 'https://other.example.com'
    }
  })
  t.match(await findings({ ...env, HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'anonymous' }), [
    /^webhook: the service refuses the secret that Hasura sends: set the variable of the header x-hasura-action-secret/,
    /^unauthorized role: a request without a token may not call the actions \(.*\): set \w+ROLE to anonymous/,
    /^dev mode: on, so Hasura's errors repeat the input, passwords included: set HASURA_GRAPHQL_DEV_MODE to false$/,
    'CORS: web pages of https://app.example.com may not call Hasura: add it to HASURA_GRAPHQL_CORS_DOMAIN on Hasura'
  ])
})

t.test('a handler of another path, and keys that Hasura fetches', async (t) => {
  let serviceUrl = ''
  const keys = await serverOf(t, (_request, response) => {
    if (serviceUrl === '') response.writeHead(503).end()
    else response.writeHead(307, { location: `${serviceUrl}/.well-known/jwks.json` }).end()
  })
  const url = `${keys}/jwks`
  const secret = { type: 'ES256', jwk_url: url, header: { type: 'Cookie', name: 'token' } }
  const running = await deployment(t, {
    project: projectWhere(t, [['actions.yaml', '{{ACTION_BASE_URL}}/refresh', '{{ACTION_BASE_URL}}/auth/refresh']]),
    env: { JWT_PRIVATE_KEY: privatePem(pairFor('ES256')), HASURA_GRAPHQL_JWT_SECRET: JSON.stringify(secret) }
  })
  const { env } = running
  const notFound = 'webhook: the service does not know the path of the handler: ACTION_BASE_URL on Hasura must be the base URL '
    + 'of the service'
  t.strictSame(await findings(env), [
    notFound,
    `token: Hasura has no key from ${url} (here, it answers HTTP 503): Hasura must reach this URL of the service`,
    '?dev mode: needs a token'
  ])
  const closed = JSON.stringify({ ...secret, jwk_url: 'http://127.0.0.1:1/jwks' })
  t.match(await findings({ ...env, HASURA_GRAPHQL_JWT_SECRET: closed }), [
    notFound, /^token: Hasura has no key from http:\/\/127\.0\.0\.1:1\/jwks \(here, it cannot be read: /, /dev mode/
  ])

  serviceUrl = running.serviceUrl
  let all = await doctor(env)
  // Hasura tries again every second.
  while (!all.some(({ check }) => check === 'JWKS')) all = await doctor(env)
  t.match(all.filter(({ check }) => check === 'JWKS'), [{ state: 'ok', text: `Hasura has fetched the key from ${url}` }])
  t.strictSame(await findings(env), [notFound])
})
