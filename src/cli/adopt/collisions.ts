import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Project, ProjectTable } from './project.ts'
import { readDeclarations } from './sdl-merge.ts'
import type { Names, ServiceFiles } from './source.ts'
import { readYaml } from './yaml-merge.ts'

/** The texts of the project. */
export interface Texts {
  actions: string
  sdl: string
  /** All YAML of the metadata. */
  yaml: string
  /** The SQL of this service that the project has already. */
  adoptedSql: string
}

/** An entry of `actions.yaml`, as far as it matters here. */
export interface ActionEntry {
  name: string
  definition: {
    handler: string
    forward_client_headers?: boolean
    ignored_client_headers?: string[]
    headers?: Array<{ name: string, value_from_env?: string }>
  }
  permissions?: Array<{ role: string }>
}

/** Reads the actions of an `actions.yaml`, by name. */
export function readActions (text: string, file: string): Map<string, ActionEntry> {
  const { actions } = Object(readYaml(text, file)) as { actions?: ActionEntry[] | null }
  return new Map((actions ?? []).map(action => [action.name, action]))
}

function describe ({ definition: { handler, headers = [] } }: ActionEntry): string {
  const secret = headers.find(({ name }) => name === 'x-hasura-action-secret')
  return `the handler ${handler}${secret === undefined ? '' : ` and the secret in ${String(secret.value_from_env)}`}`
}

/** Tells whether a migration of this service, which the project has already, creates the table. */
export function isAdopted ({ schema, name }: Pick<ProjectTable, 'schema' | 'name'>, adoptedSql: string): boolean {
  return new RegExp(`CREATE TABLE "?${schema}"?\\."?${name}"? `).test(adoptedSql)
}

function* findMigrationProblems ({ migrations }: Project, source: ServiceFiles): Generator<string> {
  const own = existsSync(migrations) ? readdirSync(migrations) : []
  for (const [file, sql] of source.migrations) {
    const name = dirname(file)
    const same = own.find(other => other !== name && Number.parseInt(other) === Number.parseInt(name))
    if (same !== undefined && basename(file) === 'up.sql') {
      yield `The migration ${same} has the version of ${name}: rename it`
    }
    const path = join(migrations, file)
    if (existsSync(path) && readFileSync(path, 'utf8') !== sql) {
      yield `${path} differs from this service's: use the options of the first time. If you have edited it, as `
        + 'docs/your-own-user-table.md says, copy what is new by hand'
    }
  }
}

function* findTableProblems (
  { tables }: Project, { tables: ours }: ServiceFiles, { schema }: Names, adoptedSql: string
): Generator<string> {
  for (const { name } of ours) {
    const isOwn = (table: ProjectTable): boolean => table.schema === schema && table.name === name
    const same = tables.find(table => isOwn(table) || table.graphqlName === name)
    if (same === undefined || (isOwn(same) && isAdopted(same, adoptedSql))) continue
    yield `The project has a table ${same.schema}.${same.name} (${same.file}), and this service needs the name ${name}: `
      + 'give yours another name, or keep your users in it as docs/your-own-user-table.md says'
  }
}

function* findActionProblems ({ tables }: Project, source: ServiceFiles, { actions, sdl }: Texts): Generator<string> {
  const [own, ours] = [readActions(actions, 'actions.yaml'), readActions(source.actions, 'hasura/metadata/actions.yaml')]
  const declared = readDeclarations(sdl, 'actions.graphql')
  const declarations = readDeclarations(source.sdl, 'hasura/metadata/actions.graphql')
  const adoptedTypes: string[] = []
  for (const [name, action] of ours) {
    const same = own.get(name)
    if (same === undefined && declared.actions.has(name)) {
      yield `actions.graphql declares an action ${name}, which actions.yaml lacks: remove it`
    }
    if (same === undefined) continue
    adoptedTypes.push(String(declarations.actions.get(name)?.type))
    if (describe(same) === describe(action)) continue
    yield `The project has an action ${name} with ${describe(same)}. This service's has ${describe(action)}: `
      + 'remove yours, or use the options of the first time'
  }
  const names = [...declared.types.keys(), ...tables.map(({ graphqlName }) => graphqlName)]
  for (const name of declarations.types.keys()) {
    if (names.includes(name) && !adoptedTypes.includes(name)) yield `The project has a type ${name}, as this service does: rename yours`
  }
}

/** Variables of Hasura's environment that other parts of the project use for another service. */
function* findVariableProblems (
  { actions, yaml }: Texts, source: ServiceFiles, names: Names, isGiven: (option: keyof Names) => boolean
): Generator<string> {
  const own = readActions(actions, 'actions.yaml')
  if ([...readActions(source.actions, '').keys()].some(name => own.has(name))) return
  for (const [key, option] of [['urlVariable', '--url-variable'], ['secretVariable', '--secret-variable']] as const) {
    const isUsed = new RegExp(`\\{\\{${names[key]}\\}\\}|from_env: ["']?${names[key]}\\b`).test(yaml)
    if (isUsed && !isGiven(key)) {
      yield `The project uses the variable ${names[key]} already: name another one with ${option}, or the same to share it`
    }
  }
}

/** Finds every reason why the service cannot be added to the project, one line each. */
export function findProblems (
  project: Project, source: ServiceFiles, texts: Texts, names: Names, isGiven: (option: keyof Names) => boolean
): string[] {
  return [
    ...findMigrationProblems(project, source),
    ...findTableProblems(project, source, names, texts.adoptedSql),
    ...findActionProblems(project, source, texts),
    ...findVariableProblems(texts, source, names, isGiven)
  ]
}
