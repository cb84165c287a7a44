import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readYaml } from './yaml-merge.ts'

/** A table that the project tracks. */
export interface ProjectTable { schema: string, name: string, graphqlName: string, file: string }

export interface Project {
  /** The folders of the metadata and of the database's migrations. */
  metadata: string
  migrations: string
  /** The folder for the files of tables, and the file that lists them: `databases.yaml` if the list is in it. */
  tablesFolder: string
  tablesFile: string
  isListInline: boolean
  tables: ProjectTable[]
}

/** @throws Error if the file is not there, or is not valid YAML */
function readFile (file: string): unknown {
  if (!existsSync(file)) throw new Error(`${file} is missing: run hasura metadata export in the project first`)
  return readYaml(readFileSync(file, 'utf8'), file)
}

/** Hasura's CLI includes files by strings. */
function include (value: unknown, file: string): { value: unknown, file: string } {
  const [, path] = /^"!include (.+)"$/.exec(JSON.stringify(value)) ?? []
  if (path === undefined) return { value, file }
  const target = join(dirname(file), path)
  return { value: readFile(target), file: target }
}

interface TableFile { table: string | { schema?: string, name: string }, configuration?: { custom_name?: string } }

function readTable (entry: unknown, listFile: string): ProjectTable {
  const { value, file } = include(entry, listFile)
  const { table, configuration } = value as TableFile
  const { schema = 'public', name } = typeof table === 'string' ? { name: table } : table
  const prefix = schema === 'public' ? '' : `${schema}_`
  return { schema, name, graphqlName: configuration?.custom_name ?? `${prefix}${name}`, file }
}

interface Source { name: string, kind: string, tables?: unknown, customization?: unknown }

function findSource (sources: Source[], name: string): Source {
  const source = sources.find(source => source.name === name)
  if (source === undefined) {
    const names = sources.map(({ name }) => name).join(', ')
    throw new Error(`The project has no database ${name}: name one of ${names || 'its databases'} with --database`)
  }
  if (source.kind !== 'postgres') throw new Error(`The database ${name} is of kind ${source.kind}: this service needs PostgreSQL`)
  const names = JSON.stringify(source.customization ?? {})
  if (/"(?:prefix|suffix|namespace)":"[^"]|"graphql-default"/.test(names)) {
    throw new Error(`The database ${name} has a customization that renames root fields or types, which the service would not find`)
  }
  return source
}

/**
 * Reads a project of Hasura's CLI.
 *
 * @param database - the name of the database that gets the tables
 * @throws Error that says why the service cannot be added to it
 */
export function readProject (folder: string, database: string): Project {
  const configFile = join(folder, 'config.yaml')
  if (!existsSync(configFile)) throw new Error(`${folder} is not a project of Hasura's CLI: it has no config.yaml`)
  const { version, metadata_directory: metadata = 'metadata', migrations_directory: migrations = 'migrations' }
    = readFile(configFile) as { version?: unknown, metadata_directory?: string, migrations_directory?: string }

  if (version !== 3) throw new Error(`${configFile} must have version 3: hasura scripts update-project-v3 upgrades a project`)
  const databasesFile = join(folder, metadata, 'databases', 'databases.yaml')
  const sources = (readFile(databasesFile) ?? []) as Source[]
  const source = findSource(sources, database)
  const tables = sources.flatMap(({ tables }) => {
    const { value, file } = include(tables ?? [], databasesFile)
    return (value as unknown[] | null ?? []).map(entry => readTable(entry, file))
  })
  const { file } = include(source.tables ?? [], databasesFile)
  const isListInline = file === databasesFile
  return {
    metadata: join(folder, metadata),
    migrations: join(folder, migrations, database),
    tablesFolder: isListInline ? join(dirname(databasesFile), database, 'tables') : dirname(file),
    tablesFile: file,
    isListInline,
    tables
  }
}
