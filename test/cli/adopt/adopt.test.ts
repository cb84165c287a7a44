import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse as parseSdl, print, visit } from 'graphql'
import t from 'tap'
import type { Test } from 'tap'
import { parse, stringify } from 'yaml'
import { adopt } from '../../../src/cli/adopt/adopt.ts'
import { readDeclarations } from '../../../src/cli/adopt/sdl-merge.ts'
import { projects, writeProject } from '../../support/hasura-projects.ts'
import type { HasuraProject } from '../../support/hasura-projects.ts'
import { compiled, start } from '../../support/process.ts'

/** All files of a folder with their content. */
function filesOf (folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter(name => statSync(join(folder, name)).isFile())
  return Object.fromEntries(files.map(name => [name, readFileSync(join(folder, name), 'utf8')]))
}

/** Replaces a text that occurs exactly once in a file. */
function edit (file: string, from: string, to: string): void {
  const parts = readFileSync(file, 'utf8').split(from)
  if (parts.length !== 2) throw new Error(`${file} contains ${JSON.stringify(from)} ${parts.length - 1} times`)
  writeFileSync(file, parts.join(to))
}

/** The same value with its lists and keys in a fixed order. */
function sorted (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => JSON.stringify(sorted(item))).sort()
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort().map(([key, item]) => [key, sorted(item)]))
}

interface Actions { actions: Array<{ name: string }>, custom_types: { objects: Array<{ name: string }> } }

/** The files of `hasura/`, with the names of a project. */
function expected (project: HasuraProject) {
  const { roles, urlVariable = 'ACTION_BASE_URL', secretVariable = 'ACTION_SECRET', schema = 'public' } = project
  const { anonymous, user, unverified } = roles ?? { anonymous: 'anonymous', user: 'user', unverified: 'unverified' }
  const rename = (file: string): unknown => JSON.parse(JSON.stringify(parse(readFileSync(file, 'utf8')))
    .replaceAll('"role":"anonymous"', `"role":"${anonymous}"`)
    .replaceAll('"role":"user"', `"role":"${user}"`)
    .replaceAll('"role":"unverified"', `"role":"${unverified}"`)
    .replaceAll('{{ACTION_BASE_URL}}', `{{${urlVariable}}}`)
    .replaceAll('"value_from_env":"ACTION_SECRET"', `"value_from_env":"${secretVariable}"`)
    .replaceAll('"schema":"public"', `"schema":"${schema}"`))
  const folder = 'hasura/metadata/databases/default/tables'
  const tables = (parse(readFileSync(join(folder, 'tables.yaml'), 'utf8')) as string[]).map(include => include.replace('!include public_', ''))
  return {
    actions: rename('hasura/metadata/actions.yaml') as Actions,
    tables: tables.map(name => ({
      include: `${schema}_${name}`,
      content: {
        ...rename(join(folder, `public_${name}`)) as object,
        ...schema === 'public' ? {} : { configuration: { custom_name: name.replace('.yaml', '') } }
      }
    }))
  }
}

function isSubsequence (part: string[], whole: string[]): boolean {
  let index = 0
  for (const line of whole) if (line === part[index]) index++
  return index === part.length
}

for (const [title, project] of Object.entries(projects)) {
  const { metadata, migrations } = project.folders ?? { metadata: 'metadata', migrations: 'migrations' }
  const database = project.database ?? 'default'

  t.test(`${title}: the service is added, once, and nothing else changes`, async (t) => {
    const folder = writeProject(t, project)
    const diff = adopt([folder, ...project.options])
    t.strictSame(filesOf(folder), Object.fromEntries(Object.entries(project.files).sort()), 'it writes only with --write')
    t.match(diff, /\+\+\+ b\/.*actions\.graphql/)
    t.match(diff, /^Run it with --write to write \d+ files\.$/m)

    t.match(adopt([folder, '--write', ...project.options]), /^Wrote \d+ files\.$/m)
    const after = filesOf(folder)
    for (const [file, before] of Object.entries(project.files)) {
      // Spaces may change. An empty list becomes a list in block style, and its comment moves to its own line.
      const linesOf = (text = ''): string[] => text.replaceAll(/ \[\](?= #|$)/gm, '').replaceAll(/ +#/g, '\n#')
        .replaceAll(/(?<=[[{]) | (?=[}\]])/g, '').split('\n')
        .map(line => line.trim().replace(/^- +/, '- ')).filter(line => !/^custom_types: \{|^$/.test(line))
      t.ok(isSubsequence(linesOf(before), linesOf(after[file])), `${file} keeps all its lines in order`)
    }

    const { actions, tables } = expected(project)
    const none = 'actions: []\ncustom_types: { objects: [] }'
    const own = parse(project.files[`${metadata}/actions.yaml`] ?? none) as Actions
    const merged = parse(String(after[`${metadata}/actions.yaml`])) as Actions
    t.strictSame(merged.actions, [...own.actions, ...actions.actions])
    t.strictSame(merged.custom_types.objects, [...own.custom_types.objects, ...actions.custom_types.objects])
    for (const { include, content } of tables) {
      t.strictSame(parse(String(after[`${metadata}/databases/${database}/tables/${include}`])), content, include)
    }
    const sdl = readDeclarations(String(after[`${metadata}/actions.graphql`]), 'actions.graphql')
    t.strictSame([...sdl.actions.keys()].sort(), merged.actions.map(({ name }) => name).sort())
    t.strictSame([...sdl.types.keys()].sort(), merged.custom_types.objects.map(({ name }) => name).sort())
    t.strictSame(
      readdirSync('hasura/migrations/default').filter(name => !existsSync(join(folder, migrations, database, name, 'up.sql'))), [])

    t.match(adopt([folder, '--write', ...project.options]), /^Nothing to change\.\n/)
    t.strictSame(filesOf(folder), after, 'twice is the same as once')
  })
}

/** A project with the service in it. */
function adopted (t: Test): string {
  const folder = writeProject(t, { files: projects['remote schemas, triggers and computed fields']?.files ?? {} })
  adopt([folder, '--write'])
  return folder
}

t.test('an update adds what is new: migrations, tables, actions, arguments, fields, and columns of new migrations', async (t) => {
  const folder = adopted(t)
  const now = filesOf(folder)
  const metadata = join(folder, 'metadata')
  const tables = join(metadata, 'databases/default/tables')
  // The same project, adopted from the version before sessions.
  rmSync(join(folder, 'migrations/default/1700000100000_sessions'), { recursive: true })
  rmSync(join(tables, 'public_user_session.yaml'))
  edit(join(tables, 'tables.yaml'), '- "!include public_user_session.yaml"\n', '')
  const user = readFileSync(join(tables, 'public_user.yaml'), 'utf8')
  writeFileSync(join(tables, 'public_user.yaml'), user.replace(/ {2}- name: sessions\n(?: {4}.*\n)+/, '')
    .replace(/ +- email_verified_at\n +- last_login_at\n/, ''))
  const actions = readFileSync(join(metadata, 'actions.yaml'), 'utf8')
  writeFileSync(join(metadata, 'actions.yaml'), actions.replace(/ {2}- name: Refresh\n(?: {4}.*\n)+/, '').replace('    - name: Done\n', '')
    .replace(/( {2}- name: Login\n(?: {4}.*\n)*?) {6}ignored_client_headers: .*\n/, '$1'))
  const sdl = readFileSync(join(metadata, 'actions.graphql'), 'utf8')
  writeFileSync(join(metadata, 'actions.graphql'), sdl.replace(/type Mutation \{\n {2}Refresh.*\n\}\n\n/, '')
    .replace(', everywhere: Boolean', '').replace('  expires_in: Int\n', '').replace(/\ntype Done \{[^}]*\}\n/, ''))
  t.match(adopt([folder, '--write']), /^Wrote \d+ files\.$/m)

  const after = filesOf(folder)
  t.strictSame(Object.keys(after), Object.keys(now))
  for (const [file, content] of Object.entries(now)) {
    if (file.endsWith('.yaml')) t.strictSame(sorted(parse(String(after[file]))), sorted(parse(content)), file)
    else if (file.endsWith('.sql')) t.equal(after[file], content, file)
  }
  const members = (text = ''): unknown => {
    const { actions, types } = readDeclarations(text, '')
    return [...actions.values(), ...types.values()].map(({ node }) => print(visit(node, {
      ObjectTypeDefinition: ({ fields = [], ...type }) => (
        { ...type, fields: fields.toSorted((a, b) => a.name.value < b.name.value ? -1 : 1) }
      )
    }))).sort()
  }
  t.strictSame(members(after['metadata/actions.graphql']), members(now['metadata/actions.graphql']))
  t.match(adopt([folder]), /^Nothing to change\.\n/)
})

t.test('nothing changes after an export of Hasura, which leaves out defaults and comments', async (t) => {
  const folder = adopted(t)
  const metadata = join(folder, 'metadata')
  const actions = parse(readFileSync(join(metadata, 'actions.yaml'), 'utf8')) as Actions
  const defaults: Record<string, unknown> = { kind: 'synchronous', timeout: 30, forward_client_headers: false }
  const exported = JSON.parse(JSON.stringify(actions, (key, value: unknown) => (
    defaults[key] === value ? undefined : value
  ))) as Actions
  writeFileSync(join(metadata, 'actions.yaml'), stringify({ ...exported, actions: exported.actions.reverse() }))
  const sdl = parseSdl(readFileSync(join(metadata, 'actions.graphql'), 'utf8'))
  writeFileSync(join(metadata, 'actions.graphql'), sdl.definitions.toReversed().map(node => (
    print(node).replaceAll(/\(([^)]*)\)/g, (_, list: string) => `(\n    ${list.replaceAll(', ', '\n    ')}\n  )`)
  )).join('\n\n'))
  const tables = join(metadata, 'databases/default/tables')
  for (const name of ['role', 'user', 'user_role', 'user_session'].map(name => join(tables, `public_${name}.yaml`))) {
    writeFileSync(name, stringify(parse(readFileSync(name, 'utf8'))))
  }
  t.match(adopt([folder]), /^Nothing to change\.\n/)
})

t.test('a permission that the project has removed does not come back, and is reported', async (t) => {
  const folder = adopted(t)
  const removed: Array<[file: string, line: string]> = [
    ['metadata/actions.yaml', '      - role: anonymous\n'],
    ['metadata/databases/default/tables/public_user.yaml', '        - email\n']
  ]
  for (const [file, line] of removed) {
    writeFileSync(join(folder, file), readFileSync(join(folder, file), 'utf8').replace(line, ''))
  }
  // The actions still mention the role, but in another style.
  const actions = join(folder, 'metadata/actions.yaml')
  writeFileSync(actions, readFileSync(actions, 'utf8').replaceAll('- role: anonymous\n', '- { "role": "anonymous" }\n'))
  const before = filesOf(folder)
  const printed = adopt([folder, '--write'])
  t.match(printed, /^actions\.yaml: actions\.Signup\.permissions stays without anonymous: /m)
  t.match(printed, /public_user\.yaml: select_permissions\.user\.permission\.columns stays without email: /)
  t.match(printed, /^Nothing to change\.$/m)
  t.strictSame(filesOf(folder), before)
})

t.test('a role that the project does not know yet gets its permissions', async (t) => {
  const folder = adopted(t)
  const actions = join(folder, 'metadata/actions.yaml')
  writeFileSync(actions, readFileSync(actions, 'utf8').replaceAll('      - role: anonymous\n', ''))
  adopt([folder, '--write'])
  t.equal(readFileSync(actions, 'utf8').match(/- role: anonymous\n/g)?.length,
    readFileSync('hasura/metadata/actions.yaml', 'utf8').match(/- role: anonymous\n/g)?.length)
})

t.test('names that collide are refused, each with its reason, and nothing is written', async (t) => {
  const metadata = 'metadata/databases/default/tables'
  const own = (name: string, schema = 'public', more = ''): Record<string, string> => ({
    [`${metadata}/tables.yaml`]: `- "!include ${schema}_${name}.yaml"\n`,
    [`${metadata}/${schema}_${name}.yaml`]: `table: { name: ${name}, schema: ${schema} }\n${more}`
  })
  const login = (handler: string, headers = ''): Record<string, string> => ({
    'metadata/actions.yaml': `actions:\n  - name: Login\n    definition: { handler: '${handler}'${headers} }\n`
  })
  const secret = (name: string): string => `, headers: [{ name: x-hasura-action-secret, value_from_env: ${name} }]`
  const share = ['--url-variable', 'ACTION_BASE_URL', '--secret-variable', 'ACTION_SECRET']
  const databases = (tables: string, kind = 'postgres'): Record<string, string> => ({
    'metadata/databases/databases.yaml': `- name: default\n  kind: postgres\n- name: other\n  kind: ${kind}\n  tables: [${tables}]\n`
  })
  const table: Array<[Record<string, string | undefined>, string | RegExp, string[]?]> = [
    [own('user'), 'The project has a table public.user (FOLDER/metadata/databases/default/tables/public_user.yaml), and this service '
    + 'needs the name user: give yours another custom_name, and this service another schema with --schema, or keep your users in it '
    + 'as docs/your-own-user-table.md says'],
    [own('role'), /^The project has a table public\.role \(.*\), and this service needs the name role: /],
    [own('users', 'public', 'configuration: { custom_name: user }'), /^The project has a table public\.users /],
    [own('user'), /^The project has a table public\.user .*: give yours another custom_name, or keep /, ['--schema', 'auth']],
    [own('user', 'auth'), /^The project has a table auth\.user /, ['--schema', 'auth']],
    [{ [`${metadata}/tables.yaml`]: '- table: user_role\n' }, /^The project has a table public\.user_role \([^\n]*tables\.yaml\)[^\n]*$/],
    [own('Done'), 'The table public.Done has the name of a type of this service: rename it'],
    [{ 'metadata/actions.graphql': 'type Done { ok: Boolean! }' }, 'FOLDER/metadata/actions.graphql: the type Done does not belong to this service: rename it'],
    [{ 'metadata/actions.graphql': 'extend type Mutation { Login(email: String!): String }' },
      /^FOLDER\/metadata\/actions\.graphql: Login is a Mutation that returns String, but /],
    [login('http://flask:5000/Login'), 'FOLDER/metadata/actions.yaml: actions.Login.definition.handler is http://flask:5000/Login, but '
    + '{{ACTION_BASE_URL}}/login in this service: rename yours, or use the same options as before'],
    [login('{{ACTION_BASE_URL}}/login', secret('OTHER')),
      /x-hasura-action-secret\.value_from_env is OTHER, but ACTION_SECRET in this service: /, share],
    [login('{{ACTION_BASE_URL}}/login', ', headers: [{ name: x-hasura-action-secret, value: x }]'),
      /x-hasura-action-secret\.value_from_env is missing, but ACTION_SECRET in this service: /, share],
    [{ 'metadata/cron_triggers.yaml': '- name: x\n  webhook: \'{{ACTION_BASE_URL}}/x\'\n' },
      'The project already uses the variable ACTION_BASE_URL: choose another one with --url-variable, or pass the same name to share it'],
    [{ 'metadata/cron_triggers.yaml': '- name: x\n  headers: [{ name: y, value_from_env: ACTION_SECRET }]\n' },
      'The project already uses the variable ACTION_SECRET: choose another one with --secret-variable, or pass the same name to share it'],
    [{ 'migrations/default/1700000000000_other/up.sql': '' },
      'The migration 1700000000000_other has the version of this service\'s 1700000000000_init: rename it'],
    [{ 'migrations/default/1700000000000_init/up.sql': 'CREATE TABLE public.users ();' },
      /^FOLDER\/migrations\/default\/1700000000000_init\/up\.sql differs from this service's: use the same /],
    [{ 'config.yaml': undefined }, 'FOLDER is not a project of Hasura\'s CLI: it has no config.yaml'],
    [{ 'config.yaml': 'version: 2' }, 'FOLDER/config.yaml: version: must be 3; hasura scripts update-project-v3 upgrades a project'],
    [{ 'config.yaml': '' }, /^FOLDER\/config\.yaml: Invalid input: expected object/],
    [{ 'metadata/databases/databases.yaml': 'name: default' }, /^FOLDER\/metadata\/databases\/databases\.yaml: Invalid input: expected array/],
    [{ [`${metadata}/tables.yaml`]: 'x: 1' }, /^FOLDER\/metadata\/databases\/default\/tables\/tables\.yaml: Invalid input: expected array/],
    [{ [`${metadata}/public_article.yaml`]: '' }, /^FOLDER\/metadata\/databases\/default\/tables\/public_article\.yaml: Invalid input: /],
    [{ [`${metadata}/public_article.yaml`]: undefined }, /^FOLDER\/metadata\/databases\/default\/tables\/public_article\.yaml is missing: /],
    [{ [`${metadata}/public_user.yaml`]: 'table: user' },
      'FOLDER/metadata/databases/default/tables/public_user.yaml exists, but is not included in '
      + 'FOLDER/metadata/databases/default/tables/tables.yaml: remove it'],
    [databases('{ table: user }'), /^The project has a table public\.user \(FOLDER\/metadata\/databases\/databases\.yaml\)[^\n]*$/],
    [databases('{ table: { schema: dbo, name: role } }', 'mssql'), /^The project has a table dbo\.role /],
    [{ 'metadata/actions.yaml': '- name: Login' }, 'FOLDER/metadata/actions.yaml must be a map'],
    [{ 'metadata/actions.yaml': 'actions: &all\n  - name: mine\n' }, /actions is shared by an anchor: /],
    [{ 'metadata/databases/databases.yaml': undefined },
      'FOLDER/metadata/databases/databases.yaml is missing: run hasura metadata export in the project first'],
    [{ 'metadata/databases/databases.yaml': '' }, 'The project has no database default: choose another with --database'],
    [{}, 'The project has no database main (only default): choose another with --database', ['--database', 'main']],
    [{ 'metadata/databases/databases.yaml': '- name: default\n  kind: mssql' },
      'The database default is of kind mssql: this service needs PostgreSQL'],
    [{ 'metadata/databases/databases.yaml': '- name: default\n  kind: postgres\n  customization: { naming_convention: graphql-default }' },
      /^The database default has a customization that renames/],
    [{ 'metadata/databases/databases.yaml': '- name: default\n  kind: postgres\n  customization: { root_fields: { prefix: x_ } }' },
      /^The database default has a customization that renames/],
    [{ 'metadata/actions.yaml': 'actions: [' }, /^FOLDER\/metadata\/actions\.yaml is not valid YAML: Flow sequence .* at line 1, column \d+$/],
    [{ 'metadata/actions.graphql': 'type {' }, /^FOLDER\/metadata\/actions\.graphql is not valid GraphQL: Syntax Error/],
    [{ ...own('user'), 'metadata/actions.graphql': 'type Done { ok: Boolean! }' }, /^The project has a table.*\n.*: the type Done does not belong to/]
  ]
  const base = projects['remote schemas, triggers and computed fields']?.files ?? {}
  for (const [changes, message, options = []] of table) {
    const entries = Object.entries<string | undefined>({ ...base, ...changes })
    const files = Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
    const folder = writeProject(t, { files })
    let reason = 'nothing'
    try {
      adopt([folder, '--write', ...options])
    } catch (error) {
      reason = (error as Error).message.replaceAll(folder, 'FOLDER')
    }
    if (typeof message === 'string') t.equal(reason, message)
    else t.match(reason, message)
    t.strictSame(filesOf(folder), Object.fromEntries(Object.entries(files).sort()), 'nothing is written')
  }
})

t.test('a table that the project does not track any more is tracked again', async (t) => {
  const folder = adopted(t)
  const before = filesOf(folder)
  const tables = join(folder, 'metadata/databases/default/tables')
  edit(join(tables, 'tables.yaml'), '- "!include public_user_session.yaml"\n', '')
  rmSync(join(tables, 'public_user_session.yaml'))
  adopt([folder, '--write'])
  t.strictSame(filesOf(folder), before)
})

t.test('a table of this service in the list of tables must move to its own file', async (t) => {
  const folder = adopted(t)
  const tables = join(folder, 'metadata/databases/default/tables')
  edit(join(tables, 'tables.yaml'), '- "!include public_user.yaml"\n', '- table: { schema: public, name: user }\n')
  rmSync(join(tables, 'public_user.yaml'))
  t.throws(() => adopt([folder]), { message: `${join(tables, 'tables.yaml')} contains the table user: move it to a file of its own, and include it` })
})

t.test('tables of other databases do not collide if their names in GraphQL differ', async (t) => {
  const files = { ...projects['remote schemas, triggers and computed fields']?.files }
  for (const other of [
    'kind: bigquery\n  tables: [{ table: { dataset: shop, name: user } }]',
    'kind: mssql\n  tables: [{ table: { schema: shop, name: user } }]',
    'kind: sqlite\n  tables: [{ table: [user] }]',
    'kind: postgres\n  customization: { root_fields: { namespace: other } }\n  tables: [{ table: user }]'
  ]) {
    const databases = `${String(files['metadata/databases/databases.yaml'])}- name: other\n  ${other}\n`
    const folder = writeProject(t, { files: { ...files, 'metadata/databases/databases.yaml': databases } })
    t.match(adopt([folder]), /^Run it with --write/m, other)
  }
})

t.test('files from Windows keep their byte order mark and their line endings', async (t) => {
  const { files, options } = projects['an export with actions of its own'] ?? { files: {}, options: [] }
  const folder = writeProject(t, { files: Object.fromEntries(Object.entries(files).map(([name, text]) => [name, `\uFEFF${text.replaceAll('\n', '\r\n')}`])) })
  t.notMatch(adopt([folder, '--write', ...options]), /\r/)
  const after = filesOf(folder)
  for (const file of Object.keys(files)) t.match(after[file], /^\uFEFF(?:[^\n]*\r\n)*$/, file)
  const expected = writeProject(t, { files })
  adopt([expected, '--write', ...options])
  const unix = Object.entries(after).map(([name, text]) => [name, text.replace('\uFEFF', '').replaceAll('\r\n', '\n')])
  t.strictSame(Object.fromEntries(unix), filesOf(expected))

  const migration = join(folder, 'migrations/default/1700000000000_init/up.sql')
  writeFileSync(migration, readFileSync(migration, 'utf8').replaceAll('\n', '\r\n'))
  t.match(adopt([folder, ...options]), /^Nothing to change\.\n/, 'also with a migration from Windows')
})

t.test('a variable that the project uses may be shared', async (t) => {
  const files = { ...projects['an export with actions of its own']?.files }
  const folder = writeProject(t, { files })
  t.throws(() => adopt([folder]), /variable ACTION_BASE_URL: .*\nThe project already uses the variable ACTION_SECRET: /)
  t.match(adopt([folder, '--url-variable', 'ACTION_BASE_URL', '--secret-variable', 'ACTION_SECRET']), /^Run it with --write/m)
})

t.test('hasura/ contains nothing that adopt does not copy', async (t) => {
  const { tables } = expected({ files: {}, options: [] })
  t.ok(tables.length >= 4)
  for (const file of readdirSync('hasura/metadata').filter(name => !['actions.yaml', 'version.yaml'].includes(name) && name.endsWith('.yaml'))) {
    const content = parse(readFileSync(join('hasura/metadata', file), 'utf8')) as object
    t.strictSame(Object.values(content).flat(), [], `hasura/metadata/${file} is empty: adopt does not copy it`)
  }
})

t.test('the printed settings name the variables and roles of the options', async (t) => {
  const folder = writeProject(t, projects['two databases of other names, in other folders'] ?? { files: {} })
  const printed = adopt([
    folder, '--database', 'main', '--url-variable', 'A_URL', '--secret-variable', 'A_SECRET', '--unauthorized-role', 'guest',
    '--unverified-role', 'new'
  ])
  t.match(printed, `1. Set on Hasura, and restart it:
   HASURA_GRAPHQL_JWT_SECRET          yours, or from npm run keys -- HS256
   HASURA_GRAPHQL_UNAUTHORIZED_ROLE   guest
   A_URL                              the URL of this service as Hasura reaches it, such as http://auth:3000
   A_SECRET                           from npm run keys -- action-secret
2. Deploy the project: hasura deploy
3. Set on this service, and start it:
`)
  t.match(printed, '   HASURA_GRAPHQL_UNAUTHORIZED_ROLE   guest\n   ACTION_SECRET                      the same as A_SECRET on Hasura\n')
  t.match(printed, '   UNVERIFIED_ROLE                    new, ')
})

t.test('options that cannot work are refused', async (t) => {
  const table: Array<[string[], RegExp]> = [
    [[], /^Name one folder: npm run adopt -- <folder>$/],
    [['a', 'b'], /^Name one folder/],
    [['a', '--tables', 'x'], /^Unknown option '--tables'/],
    [['a', '--schema', 'A-b'], /^--schema must have only lower-case letters, /],
    [['a', '--user-role', 'a\'b'], /^--user-role must have only letters, digits/],
    [['a', '--secret-variable', 'HASURA_GRAPHQL_X'], /^--secret-variable must have only letters, digits/],
    [['a', '--url-variable', '1'], /^--url-variable must have only letters, digits/],
    [['a', '--user-role', 'anonymous'], /^The roles must differ from each other, and from admin$/],
    [['a', '--user-role', 'admin'], /^The roles must differ/]
  ]
  for (const [args, message] of table) t.throws(() => adopt(args), { message }, args.join(' '))
})

t.test('the command prints help, the result or the error, and sets the exit code', async (t) => {
  const run = async (...args: string[]): Promise<[string, string, unknown]> => {
    const { child, stderr } = start(t, {}, process.cwd(), [compiled('src/cli/adopt/main.ts'), ...args])
    const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<unknown[]>])
    return [stdout, await stderr, code]
  }
  const folder = writeProject(t, projects['remote schemas, triggers and computed fields'] ?? { files: {} })
  t.match(await run('--help'), [/^Adds the tables[^]*npm run adopt -- <folder>/, /^$/, 0])
  t.match(await run(folder), [/^--- \/dev\/null\n\+\+\+ b\/migrations[^]*Run it with --write/, /^$/, 0])
  t.match(await run('/nowhere'), [/^$/, /^\/nowhere is not a project of Hasura's CLI: it has no config\.yaml\n$/, 1])
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  t.equal(scripts['adopt'], 'tsc -b --noCheck && node build/src/cli/adopt/main.js', 'the same command as in this test')
})
