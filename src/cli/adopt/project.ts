import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { include, projectFolders, readYaml } from '../../sandbox/metadata/project-files.ts'

/** A table that the project tracks. */
export interface ProjectTable { database: string, schema: string, name: string, graphqlName: string, file: string }

export interface Project {
  /** The folders of the metadata and of the database's migrations. */
  metadata: string
  migrations: string
  /** The folder for the files of its tables, and the file that lists them: `databases.yaml` if the list is in it. */
  tablesFolder: string
  tablesFile: string
  isListInline: boolean
  /** The tables of all databases, except those that a customization renames in GraphQL. */
  tables: ProjectTable[]
}

/** Writes a text file. Keeps its byte order mark and its line endings. */
export function writeText (file: string, text: string): void {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const after = before.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, before.startsWith('\uFEFF') ? `\uFEFF${after}` : after)
}

/** @throws Error that names the file and what is wrong in it */
function check<T extends z.ZodType> (schema: T, value: unknown, file: string): z.output<T> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  throw new Error(error.issues.map(({ path, message }) => [file, ...path, message].join(': ')).join('\n'))
}

const databaseSchema = z.object({
  name: z.string(), kind: z.string(), tables: z.unknown().optional(), customization: z.unknown().optional()
})

/** In BigQuery, a table has a data set instead of a schema. Tables of data connectors are lists of names. */
const tableSchema = z.object({
  table: z.preprocess(
    table => (typeof table === 'object' ? { ...table } : { name: table }),
    z.object({ name: z.string().default(''), schema: z.string().optional(), dataset: z.string().default('public') })
  ),
  configuration: z.object({ custom_name: z.string().nullish() }).nullish()
})

type Database = z.output<typeof databaseSchema>

function readTables ({ name: database, tables }: Database, databasesFile: string): ProjectTable[] {
  const [list, listFile] = include(tables, databasesFile)
  return (check(z.array(z.unknown()).nullish(), list, listFile) ?? []).map((entry) => {
    const [value, file] = include(entry, listFile)
    const { table: { name, dataset, schema = dataset }, configuration } = check(tableSchema, value, file)
    const graphqlName = configuration?.custom_name ?? (['public', 'dbo'].includes(schema) ? name : `${schema}_${name}`)
    return { database, schema, name, graphqlName, file }
  })
}

/** Whether a database has a setting that renames its root fields or types. */
function isCustomized ({ customization }: Database): boolean {
  return /"(?:prefix|suffix|namespace)":"[^"]|"graphql-default"/.test(JSON.stringify(customization ?? {}))
}

/**
 * Reads a project of Hasura's CLI.
 *
 * @param name - the name of the database that gets the tables
 * @throws Error that says why the service cannot be added to it
 */
export function readProject (folder: string, name: string): Project {
  const configFile = join(folder, 'config.yaml')
  if (!existsSync(configFile)) throw new Error(`${folder} is not a project of Hasura's CLI: it has no config.yaml`)
  const version = z.object({ version: z.literal(3, 'must be 3; hasura scripts update-project-v3 upgrades a project') })
  check(version, readYaml(configFile), configFile)
  const { metadata, migrations } = projectFolders(folder)
  const databasesFile = join(metadata, 'databases', 'databases.yaml')
  const databases = check(z.array(databaseSchema).nullable(), readYaml(databasesFile), databasesFile) ?? []
  const database = databases.find(database => database.name === name)
  if (database === undefined) {
    const names = databases.map(({ name }) => name).join(', ')
    throw new Error(`The project has no database ${name}${names && ` (only ${names})`}: choose another with --database`)
  }
  if (database.kind !== 'postgres') throw new Error(`The database ${name} is of kind ${database.kind}: this service needs PostgreSQL`)
  if (isCustomized(database)) {
    throw new Error(`The database ${name} has a customization that renames root fields or types, which the service would not find`)
  }
  const [, tablesFile] = include(database.tables, databasesFile)
  const isListInline = tablesFile === databasesFile
  const named = databases.filter(database => !isCustomized(database))
  return {
    metadata,
    migrations: join(migrations, name),
    tablesFolder: isListInline ? join(dirname(databasesFile), name, 'tables') : dirname(tablesFile),
    tablesFile,
    isListInline,
    tables: named.flatMap(database => readTables(database, databasesFile))
  }
}
