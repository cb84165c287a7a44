import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readText, readYaml } from '../../sandbox/metadata/project-files.ts'

/** The names in `hasura/`, by the option that replaces each. */
export const ownNames = {
  'unauthorized-role': 'anonymous',
  'user-role': 'user',
  'unverified-role': 'unverified',
  'database': 'default',
  'schema': 'public',
  'url-variable': 'ACTION_BASE_URL',
  'secret-variable': 'ACTION_SECRET'
}

/** The names that a project chooses. */
export type Names = typeof ownNames

export interface ServiceFiles {
  actions: string
  sdl: string
  /** The file of each table, in the order of `tables.yaml`. */
  tables: Array<{ file: string, name: string, text: string }>
  /** The files of the migrations, by path from the folder of all migrations of the database. */
  migrations: Map<string, string>
}

/** Replaces the names in YAML or SQL with those of the project. */
function rename (text: string, names: Names): string {
  const { schema, 'url-variable': url, 'secret-variable': secret } = names
  const options = ['unauthorized-role', 'user-role', 'unverified-role'] as const
  const roles = new Map(options.map(option => [ownNames[option], names[option]]))
  const renamed = text
    .replaceAll(/(?<=\brole: |')(?:anonymous|user|unverified)(?=['\n])/g, role => String(roles.get(role)))
    .replaceAll('{{ACTION_BASE_URL}}', `{{${url}}}`)
    .replaceAll('value_from_env: ACTION_SECRET', `value_from_env: ${secret}`)
  if (schema === 'public') return renamed
  return renamed.replaceAll('schema: public', `schema: ${schema}`).replaceAll(/\bpublic\./g, `"${schema}".`)
}

/**
 * Reads the files of `hasura/`, with the names that the project chooses. In GraphQL, tables outside the schema `public`
 * have a prefix unless the metadata names them.
 */
export function readSource (names: Names, hasura = 'hasura'): ServiceFiles {
  const read = (...path: string[]): string => rename(readText(join(hasura, ...path)), names)
  const { schema } = names
  const [folder, migrations] = ['metadata/databases/default/tables', 'migrations/default']
  const tables = (readYaml(join(hasura, folder, 'tables.yaml')) as string[]).map((include) => {
    const own = include.replace('!include ', '')
    const name = own.replace(/^public_|\.yaml$/g, '')
    const text = read(folder, own)
    return {
      file: own.replace('public_', `${schema}_`),
      name,
      text: schema === 'public' ? text : text.replace(/^table:\n(?: .*\n)+/, `$&configuration:\n  custom_name: ${name}\n`)
    }
  })
  const files = readdirSync(join(hasura, migrations), { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.sql')).sort()
  const first = files.find(file => file.endsWith('up.sql'))
  const createSchema = schema === 'public' ? '' : `CREATE SCHEMA IF NOT EXISTS "${schema}";\n\n`
  return {
    actions: read('metadata/actions.yaml'),
    sdl: read('metadata/actions.graphql'),
    tables,
    migrations: new Map(files.map(file => [file, `${file === first ? createSchema : ''}${read(migrations, file)}`]))
  }
}
