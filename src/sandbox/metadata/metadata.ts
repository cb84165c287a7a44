import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { actionsSchema, readActionDeclarations } from './action-metadata.ts'
import type { Action } from './action-metadata.ts'
import { checkMetadata, isEmpty } from './check.ts'
import { include, readYaml } from './project-files.ts'
import { databaseSchema, tableSchema } from './table-metadata.ts'
import type { TableMetadata } from './table-metadata.ts'

export interface Metadata {
  tables: TableMetadata[]
  actions: Action[]
  /** The types of the actions in SDL, and the names of the scalars that these may use. */
  types: string
  scalars: string[]
  /** The metadata as Hasura's metadata API exports it, as far as the sandbox knows it. */
  exported: object
}

function readTables (list: unknown, databasesFile: string, skipped?: string[]): TableMetadata[] {
  const [entries, file] = include(list, databasesFile)
  return checkMetadata(z.array(z.unknown()), entries ?? [], file).map((entry) => {
    const [table, tableFile] = include(entry, file)
    return checkMetadata(tableSchema, table, tableFile, skipped)
  })
}

function readSources (file: string, skipped?: string[]) {
  return checkMetadata(z.array(databaseSchema), readYaml(file), file, skipped).map(database => (
    { ...database, tables: readTables(database.tables, file, skipped) }
  ))
}

/**
 * Reads a metadata folder of Hasura's CLI (config v3).
 *
 * @param skipped - receives what the sandbox does not know, which is then left out where it is not part of a permission
 * @throws Error that names the first key that the sandbox does not support
 */
export function loadMetadata (folder: string, skipped?: string[]): Metadata {
  const versionFile = join(folder, 'version.yaml')
  checkMetadata(z.strictObject({ version: z.literal(3) }), readYaml(versionFile), versionFile)
  const supported = ['version.yaml', 'actions.yaml']
  for (const name of readdirSync(folder).filter(name => name.endsWith('.yaml') && !supported.includes(name))) {
    const [first] = Object.entries(readYaml(join(folder, name)) ?? {}).filter(([, value]) => !isEmpty(value))
    if (first === undefined) continue
    if (skipped === undefined) throw new Error(`The sandbox does not support "${first[0]}" in ${join(folder, name)}`)
    skipped.push(name)
  }
  const file = join(folder, 'actions.yaml')
  const { actions } = checkMetadata(actionsSchema, readYaml(file), file, skipped)
  const { declarationOf, types, scalars } = readActionDeclarations(join(folder, 'actions.graphql'))
  const sources = readSources(join(folder, 'databases', 'databases.yaml'), skipped)
  return {
    tables: sources.flatMap(({ tables }) => tables),
    exported: { version: 3, sources, actions },
    actions: actions.map(action => ({ ...action, ...declarationOf(action.name) })),
    types,
    scalars
  }
}
