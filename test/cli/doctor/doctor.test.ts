import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { ownActions } from '../../../src/cli/doctor/check-metadata.ts'
import type { Environment } from '../../../src/config.ts'
import { certificate, noOpenssl } from '../../support/certificate.ts'
import { findAll } from '../../support/findings.ts'
import { temporaryFolder } from '../../support/folders.ts'
import { pairFor, privatePem } from '../../support/key-pairs.ts'
import { compiled, start } from '../../support/process.ts'
import { projectWith } from '../../support/project.ts'
import type { ProjectChanges } from '../../support/project.ts'
import { sandbox } from '../../support/sandbox.ts'
import type { SandboxOptions } from '../../support/sandbox.ts'
import { serverOf, settings } from '../../support/service.ts'
import { tokenSecret } from '../../support/sessions.ts'
import { skipSlow } from '../../support/slow.ts'
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

/** The findings that are not `ok`: the check and its text, with `?` in front if the check could not run. */
async function findings (env: Environment): Promise<string[]> {
  const marks = { ok: '', failed: '', unknown: '?' }
  const problems = (await findAll(env)).filter(({ state }) => state !== 'ok')
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
 * A proxy in front of a sandbox that replaces answers: those of the metadata API by the type of the request, those of
 * GraphQL by a part of the query or of the headers, and the header Date. A number is a status; 0 breaks the
 * connection. A string is a body that is not JSON.
 */
async function before (
  t: Test, url: string, answers: Record<string, Answer | number | string>, date?: () => Date
): Promise<string> {
  return serverOf(t, (request, response) => {
    void text(request).then(async (body) => {
      const [, answer] = Object.entries(answers).find(([part]) => `${body}${JSON.stringify(request.headers)}`.includes(part)) ?? []
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
      const text = await relayed.text()
      response.end(typeof answer === 'object' ? JSON.stringify(answer) : typeof answer === 'string' ? answer : text)
    })
  })
}

t.test('a healthy deployment', async (t) => {
  const { env, as, hasuraUrl } = await deployment(t)
  const rows = async () => as('admin', '{ user { id last_login_at } user_session { id } user_role { user_id } role { name } }')
  const rowsBefore = await rows()

  await t.test('every check succeeds, in the order in which to correct failures', async (t) => {
    const all = await findAll(env)
    t.strictSame(all.map(({ check, state }) => `${state} ${check}`), [
      'configuration', 'plural secrets', 'Hasura', 'admin secret', 'tables and columns', 'operations', 'metadata', 'isolation level',
      'actions', 'webhook', 'unauthorized role', 'clock', 'token', 'unverified role', 'dev mode', 'CORS', 'SMTP'
    ].map(check => `ok ${check}`))
  })

  await t.test('without mail and APP_URL, their checks say what to set', async (t) => {
    const none = { TOKEN_SECRET: '', SMTP_URL: '', MAIL_FROM: '', APP_URL: '', UNVERIFIED_ROLE: '' }
    t.strictSame(await findings({ ...env, ...none }), [
      '?CORS: set APP_URL to the URL of your app to check it', '?SMTP: off: set SMTP_URL to send mail'
    ])
  })

  await t.test('the doctor names settings of the service that do not fit Hasura, and the remedy', async (t) => {
    const json = 'to the same JSON on both sides, and restart both'
    const jwtSecret = JSON.parse(settings.HASURA_GRAPHQL_JWT_SECRET) as object
    const page = await serverOf(t, (_request, response) => { response.end('<html>') })
    const table: Array<[Environment, Array<string | RegExp>]> = [
      [{ HASURA_GRAPHQL_ENDPOINT: page },
        [`Hasura: ${page}/ answers HTTP 200 without GraphQL at /v1/graphql: start Hasura, or correct HASURA_GRAPHQL_ENDPOINT`]],
      [{ HASURA_GRAPHQL_ADMIN_SECRET: 'another' },
        [/^admin secret: Hasura refuses it \(invalid "x-hasura-admin-secret".*\): set \w+ADMIN_SECRET to /]],
      [{ HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1:1' },
        ['Hasura: http://127.0.0.1:1/ cannot be reached (ECONNREFUSED): start Hasura, or correct HASURA_GRAPHQL_ENDPOINT']],
      [{ HASURA_GRAPHQL_ENDPOINT: hasuraUrl.replace('http', 'https') },
        [/^Hasura: https:\S+ cannot be reached \(\w+\): start Hasura, or correct HASURA_GRAPHQL_ENDPOINT$/]],
      [{ HASURA_GRAPHQL_ENDPOINT: `${hasuraUrl}/nothing` },
        [`Hasura: ${hasuraUrl}/nothing answers HTTP 404 without GraphQL at /v1/graphql: start Hasura, or correct HASURA_GRAPHQL_ENDPOINT`]],
      [{ HASURA_GRAPHQL_ENDPOINT: 'ftp://x', ACTION_SECRET: 'short' },
        [/^configuration: ACTION_SECRET is unusable/, /^configuration: HASURA_GRAPHQL_ENDPOINT is not an http/]],
      [{ HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"another-key-of-at-least-thirty-two-bytes"}' }, [
        `token: Hasura refuses it (Could not verify JWT: JWSError JWSInvalidSignature): set HASURA_GRAPHQL_JWT_SECRET ${json}`,
        '?dev mode: not checked, because Hasura does not accept the token'
      ]],
      [{ HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ ...jwtSecret, claims_namespace: 'x' }) }, [
        'token: Hasura does not find its claims (claims key: \'https://hasura.io/jwt/claims\' not found): '
        + `set HASURA_GRAPHQL_JWT_SECRET ${json}`,
        '?dev mode: not checked, because Hasura does not accept the token'
      ]],
      [{ HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ ...jwtSecret, header: { type: 'Cookie', name: 't' } }) },
        [`token: Hasura ignores it: set HASURA_GRAPHQL_JWT_SECRET ${json}`, '?dev mode: not checked, because Hasura does not accept the token']],
      [{ ACTION_SECRET: '' }, ['actions: the service refuses those for signed-in users: set ACTION_SECRET on both sides']],
      [{ HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'nobody' }, [
        'actions: no permission for the role nobody (Login, Refresh, Logout, RequestPasswordReset, ResetPassword): add it, or '
        + 'correct HASURA_GRAPHQL_UNAUTHORIZED_ROLE'
      ]],
      [{ UNVERIFIED_ROLE: 'newcomer' }, [
        `actions: no permission for the role newcomer (${ownActions().map(({ name }) => name).slice(1).join(', ')}): `
        + 'add it, or correct UNVERIFIED_ROLE',
        /^unverified role: newcomer may not call the actions \(.*\): run npm run adopt, and deploy$/
      ]],
      [{ HASURA_GRAPHQL_ADMIN_SECRETS: '["a"]', HASURA_GRAPHQL_JWT_SECRETS: '[]', SMTP_URL: 'smtp://127.0.0.1:1' }, [
        'plural secrets: Hasura uses HASURA_GRAPHQL_ADMIN_SECRETS and HASURA_GRAPHQL_JWT_SECRETS instead of the single secrets: '
        + 'unset them on both sides',
        'SMTP: 127.0.0.1 does not accept the login (ESOCKET): correct SMTP_URL'
      ]]
    ]
    for (const [changes, expected] of table) {
      const found = await findings({ ...env, ...changes })
      t.match(found, expected, JSON.stringify(changes))
      t.equal(found.length, expected.length, found.join('\n'))
    }
  })

  await t.test('a certificate that is not trusted', { skip: noOpenssl }, async (t) => {
    const server = createServer(certificate(t)).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
    t.strictSame(await findings({ ...env, HASURA_GRAPHQL_ENDPOINT: url }), [
      `Hasura: ${url} cannot be reached (DEPTH_ZERO_SELF_SIGNED_CERT): correct HASURA_GRAPHQL_ENDPOINT, or set NODE_EXTRA_CA_CERTS to `
      + 'the file with its certificate authority'
    ])
  })

  await t.test('an SMTP server that refuses the login', async (t) => {
    const { port } = await smtpServer(t, { onAuth: (_auth, _session, callback) => { callback(new Error('no')) } })
    t.strictSame(await findings({ ...env, SMTP_URL: `smtp://user:password@127.0.0.1:${port}` }),
      ['SMTP: 127.0.0.1 does not accept the login (EAUTH 535): correct SMTP_URL'])
  })

  await t.test('documented answers of Hasura that the sandbox does not give', async (t) => {
    const refused = (message: string, code = 'unexpected', internal?: object): Answer => (
      { errors: [{ message, extensions: { path: '$', code, internal } }] }
    )
    const jwt = (problem: string): Answer => refused(`Could not verify JWT: ${problem}`, 'invalid-jwt')
    const refresh = (...error: Parameters<typeof refused>): Record<string, Answer> => ({ 'Refresh(': refused(...error) })
    const now = Date.now()
    const action = (name: string, handler: string): object => ({ name, definition: { handler } })
    const served = (...actions: object[]): Record<string, Answer> => (
      { export: { metadata: { sources: [{ tables: [{ table: { name: 'user_session' } }] }], actions } } }
    )
    const names = ownActions().map(({ name }) => name)
    const unserved = 'Hasura does not serve its metadata API: add metadata to HASURA_GRAPHQL_ENABLED_APIS to check it'
    const other = 'webhook: something other than this service answers Hasura'
    const table: Array<[Record<string, Answer | number | string>, number, Array<string | RegExp>]> = [
      [{
        inconsistent: { is_consistent: false, inconsistent_objects: [{ name: 'x', reason: 'no table' }, {}] },
        IntrospectionQuery: { errors: [{ message: 'no', extensions: { code: 'validation-failed' } }] },
        ...refresh('not a valid json response from webhook'),
        c1699: { errors: [{ message: 'x' }] }
      }, now - 100_000, [
        '?operations: Hasura does not describe its types to admins (no)',
        'metadata: x is inconsistent (no table), and 1 more: correct it, then run hasura metadata reload. Restart Hasura after you '
        + 'set a variable',
        `${other} (not a valid json response from webhook): set ACTION_BASE_URL on Hasura to the URL of the service`,
        /^clock: Hasura's is \d+ seconds behind: synchronize both clocks$/,
        '?dev mode: not checked, because the role of the token cannot select the ids of users'
      ]],
      [{ '_metadata': 404, ...refresh('internal error'), 'jwt-auth-doctor': jwt('JWTIssuedAtFuture') }, now + 100_000, [
        `?metadata: ${unserved}`,
        `?isolation level: ${unserved}`,
        `?actions: ${unserved}`,
        'webhook: the service, or a proxy in front of it, answers with HTTP 5xx: its log has the cause',
        /^clock: Hasura's is \d+ seconds ahead: synchronize both clocks$/,
        'token: Hasura\'s clock is behind: synchronize both clocks, or set allowed_skew in HASURA_GRAPHQL_JWT_SECRET on both sides',
        '?dev mode: not checked, because Hasura does not accept the token'
      ]],
      [{ 'jwt-auth-doctor': jwt('JWTExpired') }, now, [
        'token: Hasura\'s clock is ahead by the lifetime of a token: synchronize both clocks', '?dev mode: not checked, because Hasura does not accept the token'
      ]],
      [{ 'jwt-auth-doctor': 200, 'Bearer': refused('Your requested role is not in allowed roles', 'access-denied') }, now, [
        'token: Hasura refuses the role user (Your requested role is not in allowed roles): set HASURA_GRAPHQL_JWT_SECRET to the same '
        + 'JSON on both sides, and restart both',
        '?dev mode: not checked, because Hasura does not accept the token'
      ]],
      [{ '"x-hasura-admin-secret":"doctor"': { data: { __typename: 'query_root' } } }, now, [
        'admin secret: Hasura accepts any secret, so everybody is an administrator: set HASURA_GRAPHQL_ADMIN_SECRET on Hasura'
      ]],
      [{
        export: { metadata: { sources: [] } },
        inconsistent: { is_consistent: false, inconsistent_objects: [{ reason: 'no variable' }] },
        ...refresh('http exception when calling webhook')
      }, Number.NaN, [
        /^metadata: an object is inconsistent \(no variable\): correct it/,
        '?isolation level: no database tracks the table user_session',
        'actions: missing (all): run npm run adopt, and deploy',
        'webhook: Hasura cannot reach the service (no details): start it, and set the handlers of the actions to its URL as Hasura '
        + 'reaches it',
        '?clock: Hasura\'s answers have no date'
      ]],
      [{ ...served(action('Login', 'http://auth:3000/login'), action('Refresh', '{{AUTH_URL}}/refresh')), ...refresh('x') }, now, [
        `actions: missing (${names.filter(name => !['Login', 'Refresh'].includes(name)).join(', ')}): run npm run adopt, and deploy`,
        'actions: no header x-hasura-action-secret (Login, Refresh): run npm run adopt, and deploy',
        'actions: no permission for the role anonymous (Login, Refresh): add it, or correct HASURA_GRAPHQL_UNAUTHORIZED_ROLE',
        'actions: no permission for the role unverified (Login, Refresh): add it, or correct UNVERIFIED_ROLE',
        'actions: no permission for signed-in users (Login, Refresh): add their roles',
        `${other} (x): set AUTH_URL on Hasura to the URL of the service`
      ]],
      [{ ...served(action('Refresh', '/')), ...refresh('no', 'access-denied') }, now, [
        ...Array.from({ length: 6 }, () => /^actions: /),
        'webhook: the service refuses the secret that Hasura sends: set the header x-hasura-action-secret on Hasura to the value of '
        + 'ACTION_SECRET, and restart both'
      ]],
      [{ 'export': { metadata: { sources: [] } }, 'Refresh(': { data: { Refresh: null } } }, now, [
        /^\?isolation level/, /^actions: missing/, `${other} (no error): set the handlers of the actions to the URL of the service`
      ]],
      [refresh('environment variable \'ACTION_SECRET\' not set', 'not-found'), now, [
        'webhook: Hasura has no variable ACTION_SECRET: set it on Hasura, and restart it'
      ]],
      [refresh('field \'Refresh\' not found in type: \'mutation_root\'', 'validation-failed'), now, [
        'webhook: Hasura does not serve the action Refresh: correct what makes the metadata inconsistent',
        /^unauthorized role: a request without a token may not call the actions \(field 'Refresh' not found/,
        /^unverified role: unverified may not call the actions /
      ]],
      [{ ...served(), ...refresh('no mutations exist', 'validation-failed') }, now, [
        'actions: missing (all): run npm run adopt, and deploy',
        'webhook: the action Refresh is missing: add it with npm run adopt, and deploy',
        /^unauthorized role: /, /^unverified role: /
      ]],
      [refresh('query is not in any of the allowlists', 'validation-failed'), now, [
        /^webhook: /, '?unauthorized role: not checked, because Hasura runs only the operations of its allow list', /^unverified role: /
      ]],
      [{ 'RevokeSession(': { data: { RevokeSession: { ok: true } } } }, now, [
        'unauthorized role: a request without a token may act as any user: set HASURA_GRAPHQL_UNAUTHORIZED_ROLE to the same role on '
        + 'both sides, and give that role no permission for RevokeSession'
      ]],
      [{ _metadata: 0 }, now, [
        'metadata: the check ended with UND_ERR_SOCKET: run it again, and read the logs of Hasura and of this service',
        `?isolation level: ${unserved}`, `?actions: ${unserved}`
      ]],
      [{ _metadata: '<html>' }, now, [
        `?metadata: ${unserved}`, `?isolation level: ${unserved}`, `?actions: ${unserved}`
      ]]
    ]
    for (const [answers, time, expected] of table) {
      const date = (): Date => new Date(time - now + Date.now())
      const found = await findings({ ...env, HASURA_GRAPHQL_ENDPOINT: await before(t, hasuraUrl, answers, date) })
      t.match(found, expected, JSON.stringify(answers))
      t.equal(found.length, expected.length, found.join('\n'))
    }
  })

  await t.test('the command prints a line for each check, and sets the exit code', { skip: skipSlow }, async (t) => {
    const run = async (changes: Environment, cwd = process.cwd()): Promise<[string, string, unknown]> => {
      const all = { ...env, ...changes } as Record<string, string>
      const { child, stderr } = start(t, all, cwd, [compiled('src/cli/doctor/main.ts')])
      const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<unknown[]>])
      return [stdout, await stderr, code]
    }
    const breaking = await before(t, hasuraUrl, { get_inconsistent_metadata: 0 })
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
    t.match(interrupted, [/^ok {6}SMTP: /m, /^$/, 1], 'an error of one check does not end the others')
    t.match(unreadable, [/^$/, /^\.env has broken quotation marks/, 1])
    for (const [output] of [healthy, broken]) t.notMatch(output, /of-the-tests|thirty-two-bytes/, 'no secret is printed')
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    t.equal(scripts['doctor'], 'tsc -b --noCheck && node build/src/cli/doctor/main.js', 'the same command as in this test')
  })

  t.strictSame(await rows(), rowsBefore, 'the doctor leaves nothing behind')
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
    'actions: no permission for the role anonymous (Login): add it, or correct HASURA_GRAPHQL_UNAUTHORIZED_ROLE',
    'actions: missing (Logout): run npm run adopt, and deploy',
    'actions: the handler {{ACTION_BASE_URL}}/changePassword does not end with /change-password (ChangePassword): correct it',
    'actions: no header x-hasura-action-secret (VerifyEmail): run npm run adopt, and deploy',
    'actions: no permission for signed-in users (DeleteAccount): add their roles'
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
  const chunked = 'actions: Hasura forwards the header Transfer-Encoding (Signup, ResetPassword, ChangeEmail): copy '
    + 'ignored_client_headers from hasura/metadata/actions.yaml'
  const notForwarded = 'actions: Hasura does not forward the headers of the client (Login, Logout): set forward_client_headers to true'
  for (const [changes, expected] of [
    [{}, [chunked]],
    [{ CLIENT_ADDRESS_HEADER: 'x-client-address' }, [chunked, notForwarded]],
    [{ REFRESH_COOKIE: 'on' }, [chunked, notForwarded]]
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
    /^operations: \w+: .*disabled_at.* \(\d+ in all\): run npm run adopt, and deploy$/,
    'webhook: Hasura cannot reach the service (Connection failure): start it, and set the handlers of the actions to its URL '
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
    'webhook: the service refuses the secret that Hasura sends: set OTHER_SECRET on Hasura to the value of ACTION_SECRET, and '
    + 'restart both',
    /^unauthorized role: a request without a token may not call the actions \(.*\): set \w+ROLE to anonymous/,
    /^dev mode: on, so Hasura's errors repeat the input, passwords included: set HASURA_GRAPHQL_DEV_MODE to false$/,
    'CORS: web pages of https://app.example.com may not call Hasura: add it to HASURA_GRAPHQL_CORS_DOMAIN on Hasura'
  ])
})

t.test('claims that Hasura reads by a map', async (t) => {
  const secret = JSON.parse(settings.HASURA_GRAPHQL_JWT_SECRET) as object
  const at = (path: string): object => ({ path: `$.${path}` })
  const map = {
    'x-hasura-allowed-roles': at('roles'), 'x-hasura-default-role': at('role'), 'x-hasura-user-id': at('id'),
    'x-hasura-session-id': at('session')
  }
  const withMap = (map: object): Environment => (
    { HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ ...secret, claims_map: map }) }
  )
  const { env } = await deployment(t, { env: withMap(map) })
  t.strictSame(await findings(env), [])
  t.strictSame(await findings({ ...env, ...withMap({ ...map, 'x-hasura-org-id': at('org') }) }), [
    '?token: not checked, because a sample user does not have every claim (Error: Hasura finds no usable x-hasura-org-id by its '
    + '"claims_map")'
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
    `token: Hasura has no key from ${url} (from this machine, it answers HTTP 503): Hasura must reach this URL of the service`,
    '?dev mode: not checked, because Hasura does not accept the token'
  ])
  const closed = JSON.stringify({ ...secret, jwk_url: 'http://127.0.0.1:1/jwks' })
  t.match(await findings({ ...env, HASURA_GRAPHQL_JWT_SECRET: closed }), [
    notFound, /:1\/jwks \(from this machine, it cannot be read: /, /dev mode/
  ])

  serviceUrl = running.serviceUrl
  let all = await findAll(env)
  // Hasura tries again every second.
  while (!all.some(({ check }) => check === 'JWKS')) all = await findAll(env)
  t.match(all.filter(({ check }) => check === 'JWKS'), [{ state: 'ok', text: `Hasura has fetched the key from ${url}` }])
  t.strictSame(await findings(env), [notFound])
})
