import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { adopt } from '../../src/cli/adopt/adopt.ts'
import type { Environment } from '../../src/config.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { findAll } from '../support/findings.ts'
import { dataFolder } from '../support/folders.ts'
import { projects, writeProject } from '../support/hasura-projects.ts'
import { request } from '../support/sandbox.ts'
import { settings } from '../support/service.ts'
import { clientsOf, tokensOf, tokenSecret } from '../support/sessions.ts'
import { skipSlow } from '../support/slow.ts'

function roleOf (token: string): unknown {
  const { 'https://hasura.io/jwt/claims': claims } = decodeJwt(token) as Record<string, Record<string, unknown>>
  return claims?.['x-hasura-default-role']
}

/** Starts the sandbox on a project, with an SMTP server that does not exist, and collects what it says. */
async function serve (t: Test, folder: string, env: Environment = {}) {
  const lines: string[] = []
  const mail = { SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'a@example.com', APP_URL: 'https://app.example.com' }
  const all = {
    ...settings, ...tokenSecret, ...mail, SANDBOX_PORT: '0', PORT: '0', LOG_LEVEL: 'silent', SANDBOX_PROJECT: folder,
    SANDBOX_DATA_DIR: dataFolder(t, 'empty'), ...env
  }
  const running = await startSandbox({ env: all, log: (line) => { lines.push(line) } })
  t.teardown(running.close)
  return { ...running, lines, serviceEnv: { ...all, HASURA_GRAPHQL_ENDPOINT: running.hasuraUrl } }
}

const skips: Record<string, string[]> = {
  'inherited roles, and a style of its own': ['The sandbox skips what it does not know: inherited_roles.yaml'],
  'remote schemas, triggers and computed fields': ['The sandbox skips what it does not know: allow_list.yaml, cron_triggers.yaml, '
    + 'query_collections.yaml, remote_schemas.yaml, functions (databases.yaml), object_relationships twin (public_article.yaml), '
    + 'computed_fields (public_article.yaml), event_triggers (public_article.yaml)']
}

for (const [title, { files, options, roles }] of Object.entries(projects)) {
  t.test(`${title}: after adopt, users sign up and log in, and the doctor finds nothing`, { skip: skipSlow }, async (t) => {
    const folder = writeProject(t, { files })
    adopt([folder, '--write', ...options])
    const { anonymous, user, unverified } = roles ?? { anonymous: 'anonymous', user: 'user', unverified: 'unverified' }
    const { hasuraUrl, lines, serviceEnv } = await serve(t, folder, {
      HASURA_GRAPHQL_UNAUTHORIZED_ROLE: anonymous, UNVERIFIED_ROLE: unverified
    })
    t.strictSame(lines.filter(line => !line.startsWith('Applying ')), skips[title] ?? [])

    const { signup, login, revoke, ends } = clientsOf(hasuraUrl)
    const email = 'someone@test.com'
    t.type((await signup(email) as { id: number }).id, 'number')
    t.equal(roleOf(tokensOf(t, await login(email)).token), unverified)
    await request(hasuraUrl, 'mutation { update_user(where: {}, _set: { email_verified_at: "2026-01-01" }) { affected_rows } }', {
      headers: { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
    })
    const { token, session_id: id } = tokensOf(t, await login(email))
    t.equal(roleOf(token), user)
    t.match(await request(hasuraUrl, '{ user { email } }', { headers: { authorization: `Bearer ${token}` } }),
      { data: { user: [{ email }] } })
    t.strictSame(await revoke(id, { token }), { ok: true })
    t.equal((await ends(email)).at(-1), 'revoked')

    const found = await findAll(serviceEnv)
    t.strictSame(found.filter(({ state, check }) => state !== 'ok' && check !== 'SMTP'), [])
  })
}

t.test('a project without this service is served, and a folder without a project stops the sandbox', async (t) => {
  const { files } = projects['two databases of other names, in other folders'] ?? { files: {} }
  const { hasuraUrl, lines } = await serve(t, writeProject(t, { files }))
  t.strictSame(lines.filter(line => !line.startsWith('Applying ')), ['The project has no action Login: run npm run adopt'])
  t.match(await request(hasuraUrl, '{ shop_product { id } }', {
    headers: { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  }), { data: { shop_product: [] } })

  const table: Array<[Record<string, string>, RegExp]> = [
    [{}, /\/metadata\/version\.yaml is missing: run hasura metadata export in the project first$/],
    [{ ...files, 'meta/actions.graphql': 'type Mutation {' }, /\/meta\/actions\.graphql is not valid GraphQL: Syntax Error: /],
    [{ ...files, 'meta/actions.yaml': 'actions: [' }, /\/meta\/actions\.yaml is not valid YAML: /]
  ]
  for (const [files, message] of table) await t.rejects(serve(t, writeProject(t, { files })), { message })
})

t.test('a permission that the sandbox does not understand stops it, also in your own project', async (t) => {
  const base = projects['remote schemas, triggers and computed fields']
  const table: Array<[from: string, to: string, message: RegExp]> = [
    ['    permission:\n      columns:\n', '    permission:\n      computed_fields: [shout]\n      columns:\n', /"computed_fields" in .*select_permissions/],
    ['filter: {}', 'filter: { title: { _st_touches: x } }', /the operator "_st_touches"/],
    ['filter: {}', 'filter: { twin: { id: { _eq: 1 } } }', /"twin" in an expression on article/]
  ]
  const data = dataFolder(t, 'empty')
  for (const [from, to, message] of table) {
    const folder = writeProject(t, { files: base?.files ?? {} })
    adopt([folder, '--write'])
    const file = join(folder, 'metadata/databases/default/tables/public_article.yaml')
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, before.replace(from, to))
    t.not(readFileSync(file, 'utf8'), before)
    await t.rejects(serve(t, folder, { SANDBOX_DATA_DIR: data }), { message }, to)
  }
})

t.test('asynchronous and transformed actions, relationships over several columns and other kinds of databases are skipped', async (t) => {
  const folder = writeProject(t, { files: projects['an export with actions of its own']?.files ?? {} })
  adopt([folder, '--write', '--url-variable', 'AUTH_URL', '--secret-variable', 'AUTH_SECRET'])
  const edit = (file: string, from: string, to: string): void => {
    const path = join(folder, 'metadata', file)
    const before = readFileSync(path, 'utf8')
    writeFileSync(path, before.replace(from, to))
    t.not(readFileSync(path, 'utf8'), before)
  }
  edit('actions.yaml', 'kind: synchronous', 'kind: asynchronous')
  edit('actions.yaml', 'kind: ""', 'request_transform: { version: 2 }')
  edit('databases/databases.yaml', '- name: default', '- name: other\n  kind: mssql\n  configuration: {}\n  tables: []\n- name: default')
  edit('databases/default/tables/public_article.yaml', 'select_permissions:', 'configuration: { column_config: { id: { custom_name: x } } }\n'
  + 'object_relationships: [{ name: pair, using: { foreign_key_constraint_on: [a, b] } }]\nis_enum: true\nselect_permissions:')
  mkdirSync(join(folder, 'seeds/default'), { recursive: true })
  writeFileSync(join(folder, 'seeds/default/1_articles.sql'), 'INSERT INTO public.article (title) VALUES (\'first\');')
  writeFileSync(join(folder, 'migrations/.gitkeep'), '')
  const { hasuraUrl, lines } = await serve(t, folder)
  t.strictSame(lines.filter(line => line.startsWith('The sandbox')), ['The sandbox skips what it does not know: '
    + 'actions SendInvoice (actions.yaml), actions invoiceTotal (actions.yaml), other (databases.yaml), column_config '
    + '(public_article.yaml), object_relationships pair (public_article.yaml), is_enum (public_article.yaml)'])
  t.strictSame(await request(hasuraUrl, '{ article { title } }', {
    headers: { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  }), { data: { article: [{ title: 'first' }] } }, 'seeds are applied')
})
