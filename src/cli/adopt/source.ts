import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readYaml } from './yaml-merge.ts'

/** The names that a project may choose. */
export interface Names {
  unauthorizedRole: string
  userRole: string
  unverifiedRole: string
  /** PostgreSQL's schema of the tables. */
  schema: string
  /** Variables in Hasura's environment: the base URL of the service, and the action secret. */
  urlVariable: string
  secretVariable: string
}

/** The names in `hasura/`. */
export const ownNames: Names = {
  unauthorizedRole: 'anonymous', userRole: 'user', unverifiedRole: 'unverified',
  schema: 'public', urlVariable: 'ACTION_BASE_URL', secretVariable: 'ACTION_SECRET'
}

export interface ServiceFiles {
  actions: string
  sdl: string
  /** The file of each table, in the order of `tables.yaml`. */
  tables: Array<{ file: string, name: string, text: string }>
  /** The files of the migrations, by path from the folder of all migrations of the database. */
  migrations: Map<string, string>
}

function renameRoles (text: string, pattern: RegExp, names: Names): string {
  const keys = ['unauthorizedRole', 'userRole', 'unverifiedRole'] as const
  const roles = new Map(keys.map(key => [ownNames[key], names[key]]))
  return text.replaceAll(pattern, role => roles.get(role) ?? role)
}

function renameYaml (text: string, names: Names): string {
  return renameRoles(text, /(?<=\brole: )[\w-]+/g, names)
    .replaceAll(`{{${ownNames.urlVariable}}}`, `{{${names.urlVariable}}}`)
    .replaceAll(`value_from_env: ${ownNames.secretVariable}`, `value_from_env: ${names.secretVariable}`)
}

/** Hasura adds the schema to a table's name in GraphQL, except `public`, unless the metadata has another name. */
function renameTable (text: string, name: string, names: Names): string {
  const renamed = renameYaml(text, names)
  if (names.schema === ownNames.schema) return renamed
  return renamed.replaceAll('schema: public', `schema: ${names.schema}`)
    .replace(/^(table:\n(?: .*\n)+)/, `$1configuration:\n  custom_name: ${name}\n`)
}

function renameSql (sql: string, names: Names, isFirst: boolean): string {
  const renamed = renameRoles(sql, /(?<=')\w+(?=')/g, names)
  if (names.schema === ownNames.schema) return renamed
  const schema = `"${names.schema}"`
  return `${isFirst ? `CREATE SCHEMA IF NOT EXISTS ${schema};\n\n` : ''}${renamed.replaceAll(/\bpublic\./g, `${schema}.`)}`
}

/** Reads what `hasura/` holds, in the words of the project. */
export function readSource (names: Names, hasura = 'hasura'): ServiceFiles {
  const read = (...path: string[]): string => readFileSync(join(hasura, ...path), 'utf8')
  const tables = 'metadata/databases/default/tables'
  const includes = readYaml(read(tables, 'tables.yaml'), 'tables.yaml') as string[]
  const migrations = join(hasura, 'migrations/default')
  const files = readdirSync(migrations).sort().flatMap(name => (
    readdirSync(join(migrations, name)).map(file => join(name, file))
  ))
  return {
    actions: renameYaml(read('metadata/actions.yaml'), names),
    sdl: read('metadata/actions.graphql'),
    tables: includes.map((include) => {
      const own = include.replace('!include ', '')
      const name = own.replace(/^public_|\.yaml$/g, '')
      return { file: own.replace('public_', `${names.schema}_`), name, text: renameTable(read(tables, own), name, names) }
    }),
    migrations: new Map(files.map((file, index) => [
      file, renameSql(read('migrations/default', file), names, index === files.findIndex(name => name.endsWith('up.sql')))
    ]))
  }
}
