import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCatalogue } from '../../../src/sandbox/database/catalogue.ts'
import { openDatabase } from '../../../src/sandbox/database/database.ts'
import { loadMetadata } from '../../../src/sandbox/metadata/metadata.ts'
import { checkPermissions } from '../../../src/sandbox/database/where.ts'
import { databaseSettings, onEachDatabase } from '../../support/databases.ts'
import { hasura, temporaryFolder } from '../../support/folders.ts'

const tables = 'metadata/databases/default/tables'

t.test('the project\'s metadata is read, with the files that it includes', async (t) => {
  const { tables, actions } = loadMetadata(join(hasura, 'metadata'))
  t.strictSame(tables.map(({ table }) => table.name), ['role', 'user', 'user_role', 'user_session'])
  const types = Object.fromEntries(actions.map(({ name, field }) => [name, field.type.toString()]))
  t.match(types, { Signup: 'CreateUserOutput', Login: 'JsonWebToken', Logout: 'Done' })
})

t.test('an export of Hasura means the same as what was applied', async (t) => {
  // Hasura drops defaults and writes settings that nobody has set.
  const exported: Array<[file: string, change: (text: string) => string]> = [
    ['metadata/actions.yaml', text => text
      .replaceAll('      kind: synchronous\n', '      kind: ""\n')
      .replaceAll('      timeout: 30\n', '')
      .replaceAll('      forward_client_headers: false\n', `      ignored_client_headers: [${[
        'Content-Length', 'Content-MD5', 'User-Agent', 'Host', 'Origin', 'Referer', 'Accept', 'Accept-Encoding',
        'Accept-Language', 'Accept-Datetime', 'Cache-Control', 'Connection', 'DNT', 'Content-Type'
      ].join(', ')}]\n`)],
    ['metadata/databases/databases.yaml', text => `${text}\n  customization: {}\n  functions: []\n  logical_models: []`
      + '\n  native_queries: []\n  stored_procedures: []'],
    [`${tables}/public_user.yaml`, text => `${text.replace('      filter:', '      computed_fields: []\n      filter:')}
configuration:
  column_config: {}
  comment: null
  custom_column_names: {}
  custom_root_fields: { delete: null, insert: null, select: null }
computed_fields: []
event_triggers: []
insert_permissions: []
is_enum: false
remote_relationships: []
update_permissions: []`],
    ['metadata/backend_configs.yaml', () => '{}'],
    ['metadata/metrics_config.yaml', () => 'analyze_query_variables: false\nanalyze_response_body: false'],
    ['metadata/opentelemetry.yaml', () => '{}'],
    ['metadata/graphql_schema_introspection.yaml', () => 'disabled_for_roles: []'],
    ['metadata/network.yaml', () => 'tls_allowlist: []']
  ]
  const project = temporaryFolder(t)
  cpSync(hasura, project, { recursive: true })
  for (const [file, change] of exported) {
    const path = join(project, file)
    const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
    writeFileSync(path, change(before))
    t.not(change(before), before, file)
  }
  const applied = loadMetadata(join(hasura, 'metadata'))
  const { tables: readTables, actions } = loadMetadata(join(project, 'metadata'))
  t.strictSame(readTables, applied.tables)
  const readable = (list: typeof actions) => list.map(({ field, ...action }) => ({ ...action, field: field.name }))
  t.strictSame(readable(actions), readable(applied.actions))
})

t.test('unsupported metadata stops the sandbox with an error that names the key', async (t) => {
  const table: Array<[string, (text: string) => string, RegExp]> = [
    [`${tables}/public_user.yaml`, text => `${text}\nevent_triggers: [{ name: x }]`, /"event_triggers" in .*public_user\.yaml/],
    [`${tables}/public_user.yaml`, text => text.replace('filter:', 'computed_fields: [x]\n      filter:'),
      /"computed_fields" in .*select_permissions: 0: permission/],
    [`${tables}/public_user.yaml`, text => text.replace('column: user_id', 'columns: user_id'),
      /"columns" in .*array_relationships: 0: using: foreign_key_constraint_on/],
    [`${tables}/public_user_role.yaml`, text => text.replace('foreign_key_constraint_on', 'manual_configuration'),
      /"manual_configuration" in .*object_relationships: 0: using/],
    ['metadata/databases/databases.yaml', text => `${text}\n  functions: [x]`, /"functions" in .*databases\.yaml/],
    ['metadata/databases/databases.yaml', text => text.replace('kind: postgres', 'kind: mssql'), /databases\.yaml: 0: kind/],
    ['metadata/actions.yaml', text => text.replace('timeout: 30', 'request_transform: { version: 2 }'),
      /"request_transform" in .*actions: 0: definition/],
    ['metadata/actions.yaml', text => text.replace('kind: synchronous', 'kind: asynchronous'),
      /actions: 0: definition: kind/],
    ['metadata/actions.yaml', text => text.replace('timeout: 30', 'timeout: -1'), /timeout value cannot be negative/],
    ['metadata/actions.yaml', text => text.replace('value_from_env: ACTION_SECRET', 'value_from_env: HASURA_GRAPHQL_X'),
      /env variables start with "HASURA_GRAPHQL_" are not allowed for value_from_env/],
    ['metadata/actions.yaml', text => text.replace('- name: JsonWebToken', '- name: JsonWebToken\n      relationships: [x]'),
      /"relationships" in .*custom_types: objects: 1/],
    ['metadata/actions.yaml', text => text.replace('name: Login\n', 'name: LogIn\n'),
      /The action LogIn is not declared in .*actions\.graphql/],
    ['metadata/actions.graphql', text => text.replace('password: String!)', 'password: String! = "x")'),
      /the default value of Signup\(password\) in .*actions\.graphql/],
    ['metadata/version.yaml', () => 'version: 2', /version\.yaml: version/],
    ['metadata/remote_schemas.yaml', () => '- name: other', /does not support "0" in .*remote_schemas\.yaml/],
    ['metadata/backend_configs.yaml', () => 'dataconnector: { athena: { uri: x } }',
      /does not support "dataconnector" in .*backend_configs\.yaml/]
  ]
  for (const [file, change, message] of table) {
    const project = temporaryFolder(t)
    cpSync(hasura, project, { recursive: true })
    const path = join(project, file)
    const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
    writeFileSync(path, change(before))
    t.not(change(before), before)
    t.throws(() => loadMetadata(join(project, 'metadata')), { message }, message.source)
  }
})

onEachDatabase('metadata that does not fit the database stops it', async (t, database) => {
  const table: Array<[string, string, string, string]> = [
    ['public_user.yaml', 'name: user\n', 'name: person\n',
      'The metadata tracks public.person, which the database does not have'],
    ['public_user.yaml', '- email\n', '- e_mail\n',
      'A permission names user.e_mail, which the database does not have'],
    ['public_user.yaml', '_eq: X-', '_ceq: X-', 'The sandbox does not support the operator "_ceq"'],
    ['public_user.yaml', 'filter:\n        id:', 'filter:\n        nobody:',
      'The sandbox does not support "nobody" in an expression on user'],
    ['public_user.yaml', 'column: user_id', 'column: role',
      'The relationship user.roles needs a foreign key on user_role.role between two tracked tables'],
    ['public_user_role.yaml', 'foreign_key_constraint_on: user_id', 'foreign_key_constraint_on: id',
      'The relationship user_role.user needs a foreign key on user_role.id between two tracked tables']
  ]
  const db = await openDatabase(await databaseSettings(t, database), hasura, () => { /* quiet */ })
  t.teardown(db.close)
  for (const [file, from, to, message] of table) {
    const project = temporaryFolder(t)
    cpSync(hasura, project, { recursive: true })
    const path = join(project, tables, file)
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
    const start = async (): Promise<void> => {
      checkPermissions(await readCatalogue(db, loadMetadata(join(project, 'metadata'))))
    }
    await t.rejects(start(), { message }, message)
  }
})
