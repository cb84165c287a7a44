import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { readText } from '../../sandbox/metadata/project-files.ts'
import type { Project, ProjectTable } from './project.ts'
import { readDeclarations } from './sdl-merge.ts'
import type { Names, ServiceFiles } from './source.ts'

/** Finds a table where this service would have it. */
export function findTable ({ tables }: Project, { database, schema }: Names, name: string): ProjectTable | undefined {
  return tables.find(table => table.database === database && table.schema === schema && table.name === name)
}

/** Whether a migration of this service that is already in the project creates the table. */
function isAdopted (schema: string, name: string, adoptedSql: string): boolean {
  return new RegExp(`CREATE TABLE "?${schema}"?\\."?${name}"? `).test(adoptedSql)
}

function* findMigrationProblems ({ migrations }: Project, source: ServiceFiles): Generator<string> {
  const own = existsSync(migrations) ? readdirSync(migrations) : []
  for (const [file, sql] of source.migrations) {
    const name = dirname(file)
    const same = own.find(other => other !== name && Number.parseInt(other) === Number.parseInt(name))
    if (same !== undefined && basename(file) === 'up.sql') {
      yield `The migration ${same} has the version of this service's ${name}: rename it`
    }
    const path = join(migrations, file)
    if (![sql, ''].includes(readText(path))) {
      yield `${path} differs from this service's: use the same options as before. If you have edited it, as `
        + 'docs/your-own-user-table.md says, copy the new parts by hand'
    }
  }
}

function* findTableProblems (
  project: Project, source: ServiceFiles, names: Names, adoptedSql: string
): Generator<string> {
  const { tables, tablesFolder, tablesFile } = project
  for (const type of readDeclarations(source.sdl, 'hasura/metadata/actions.graphql').types.keys()) {
    const same = tables.find(({ graphqlName }) => graphqlName === type)
    if (same !== undefined) yield `The table ${same.schema}.${same.name} has the name of a type of this service: rename it`
  }
  for (const { name, file } of source.tables) {
    const own = findTable(project, names, name)
    const same = own ?? tables.find(({ graphqlName }) => graphqlName === name)
    const path = join(tablesFolder, file)
    if (same === undefined) {
      if (existsSync(path)) yield `${path} exists, but is not included in ${tablesFile}: remove it`
    } else if (own === undefined || !isAdopted(names.schema, name, adoptedSql)) {
      const schema = own === undefined ? '' : ', and this service another schema with --schema'
      yield `The project has a table ${same.schema}.${same.name} (${same.file}), and this service needs the name ${name}: `
        + `give yours another custom_name${schema}, or keep your users in it as docs/your-own-user-table.md says`
    } else if (own.file === tablesFile) {
      yield `${tablesFile} contains the table ${name}: move it to a file of its own, and include it`
    }
  }
}

/** Variables of Hasura's environment that other parts of the project use for another service. */
function* findVariableProblems (yaml: string, names: Names, given: string[]): Generator<string> {
  for (const option of ['url-variable', 'secret-variable'] as const) {
    const name = names[option]
    const isUsed = new RegExp(`\\{\\{${name}\\}\\}|from_env: *["']?${name}\\b`).test(yaml)
    if (isUsed && !given.includes(option)) {
      yield `The project already uses the variable ${name}: choose another one with --${option}, or pass the same name to share it`
    }
  }
}

/**
 * Finds the reasons why the service cannot be added to the project, one line each. Merging the files may find more.
 *
 * @param yaml - all YAML of the metadata
 * @param adoptedSql - the SQL of this service that is already in the project
 */
export function findProblems (
  project: Project, source: ServiceFiles, names: Names, given: string[], yaml: string, adoptedSql: string
): string[] {
  return [
    ...findMigrationProblems(project, source),
    ...findTableProblems(project, source, names, adoptedSql),
    ...adoptedSql.trim() === '' ? findVariableProblems(yaml, names, given) : []
  ]
}
