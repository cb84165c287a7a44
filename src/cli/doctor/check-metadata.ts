import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { buildClientSchema, getIntrospectionQuery, parse, validate } from 'graphql'
import type { IntrospectionQuery } from 'graphql'
import { parse as parseYaml } from 'yaml'
import { diagnose } from '../../hasura/diagnose.ts'
import * as operations from '../../generated/operations.ts'
import { failed, ok, unknown } from './finding.ts'
import type { Result } from './finding.ts'
import type { HasuraApi } from './hasura-api.ts'

interface Source {
  name: string
  tables: Array<{ table: { name: string } }>
  configuration?: { connection_info?: { isolation_level?: string } }
}

/** The parts of an action in the metadata that the checks read. */
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

/** The parts of Hasura's metadata that the checks read. */
export interface ServedMetadata { sources: Source[], actions?: ActionEntry[] }

/** Reads the metadata; undefined if Hasura does not serve it. */
export async function readMetadata (hasura: HasuraApi): Promise<ServedMetadata | undefined> {
  const exported = await hasura.metadata('export_metadata', 2)
  return exported?.['metadata'] as ServedMetadata | undefined
}

/** The actions of `hasura/`. */
export function ownActions (): ActionEntry[] {
  const { actions } = parseYaml(readFileSync('hasura/metadata/actions.yaml', 'utf8')) as { actions: ActionEntry[] }
  return actions
}

interface Inconsistencies { inconsistent_objects: Array<{ name?: string, reason?: string }> }

/** The result of each check of the metadata if Hasura does not serve the metadata API. */
const noMetadata = unknown('Hasura does not serve its metadata API: add metadata to HASURA_GRAPHQL_ENABLED_APIS to check it')

export async function checkConsistency (hasura: HasuraApi): Promise<Result> {
  const answer = await hasura.metadata('get_inconsistent_metadata') as Inconsistencies | undefined
  if (answer === undefined) return noMetadata
  const [first, ...others] = answer.inconsistent_objects
  if (first === undefined) return ok('consistent')
  const more = others.length > 0 ? `, and ${others.length} more` : ''
  return failed(`${first.name ?? 'an object'} is inconsistent (${String(first.reason)})${more}: `
    + 'correct it, then run hasura metadata reload. Restart Hasura after you set a variable')
}

export function checkIsolation (metadata: ServedMetadata | undefined): Result {
  if (metadata === undefined) return noMetadata
  const source = metadata.sources.find(({ tables }) => tables.some(({ table }) => table.name === 'user_session'))
  if (source === undefined) return unknown('no database tracks the table user_session')
  const level = source.configuration?.connection_info?.isolation_level ?? 'read-committed'
  if (level === 'read-committed') return ok(level)
  return failed(`${level} for the database ${source.name}: set isolation_level to read-committed in databases.yaml`)
}

/** What is wrong, and the remedy. */
type Problem = [problem: string, remedy: string]

function* findForwardingProblems (
  { definition }: ActionEntry, { definition: own }: ActionEntry, { config }: FastifyInstance
): Generator<Problem> {
  const readsHeaders = config.CLIENT_ADDRESS_HEADER !== undefined || config.REFRESH_COOKIE === 'on'
  if (readsHeaders && definition.forward_client_headers === true && own.forward_client_headers !== true) {
    yield ['Hasura does not forward the headers of the client', 'set forward_client_headers to true']
  }
  // Hasura ignores it only if the list names it. It announces a chunked body, but Hasura's body is not chunked.
  const isIgnored = own.ignored_client_headers?.some(header => header.toLowerCase() === 'transfer-encoding')
  if (own.forward_client_headers === true && isIgnored !== true) {
    yield ['Hasura forwards the header Transfer-Encoding', 'copy ignored_client_headers from hasura/metadata/actions.yaml']
  }
}

function* findActionProblems (
  action: ActionEntry, own: ActionEntry | undefined, service: FastifyInstance
): Generator<Problem> {
  const { name, definition, permissions = [] } = action
  const { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: unauthorized, UNVERIFIED_ROLE: unverified } = service.config
  if (own === undefined) {
    yield ['missing', 'run npm run adopt, and deploy']
    return
  }
  const path = definition.handler.replace(/^\{\{\w+\}\}/, '')
  const { handler, headers = [] } = own.definition
  if (!handler.endsWith(path)) yield [`the handler ${handler} does not end with ${path}`, 'correct it']
  if (!headers.some(header => header.name.toLowerCase() === 'x-hasura-action-secret')) {
    yield ['no header x-hasura-action-secret', 'run npm run adopt, and deploy']
  }
  yield* findForwardingProblems(action, own, service)
  // A sign-up may be closed on purpose.
  if (name === 'Signup') return
  const roles = own.permissions?.map(({ role }) => role) ?? []
  const needed = { anonymous: unauthorized, unverified }
  const variables = { anonymous: 'HASURA_GRAPHQL_UNAUTHORIZED_ROLE', unverified: 'UNVERIFIED_ROLE' }
  for (const key of ['anonymous', 'unverified'] as const) {
    const role = needed[key]
    if (role === undefined || roles.includes(role) || !permissions.some(({ role }) => role === key)) continue
    yield [`no permission for the role ${role}`, `add it, or correct ${variables[key]}`]
  }
  if (roles.every(role => role === unauthorized || role === unverified)) {
    yield ['no permission for signed-in users', 'add their roles']
  }
}

/** Checks each action. A problem of several actions is one result. */
export function checkActions (metadata: ServedMetadata | undefined, service: FastifyInstance): Result | Result[] {
  if (metadata === undefined) return noMetadata
  const own = new Map(metadata.actions?.map(action => [action.name, action]))
  const expected = ownActions()
  const names = new Map<string, { problem: Problem, actions: string[] }>()
  for (const action of expected) {
    for (const problem of findActionProblems(action, own.get(action.name), service)) {
      const { actions } = names.get(String(problem)) ?? { actions: [] }
      names.set(String(problem), { problem, actions: [...actions, action.name] })
    }
  }
  const problems = Array.from(names.values(), ({ problem: [problem, remedy], actions }) => (
    failed(`${problem} (${actions.length === expected.length ? 'all' : actions.join(', ')}): ${remedy}`)
  ))
  if (service.config.ACTION_SECRET === undefined) {
    problems.push(failed('the service refuses those for signed-in users: set ACTION_SECRET on both sides'))
  }
  if (problems.length > 0) return problems
  return ok(`all ${expected.length} have their handler, headers and permissions`)
}

export async function checkTables ({ hasura }: FastifyInstance): Promise<Result> {
  const problem = await diagnose(hasura, { compareSchema: true })
  return problem === undefined ? ok('Hasura serves all of them') : failed(problem)
}

/** Checks the operations of the service against the schema that Hasura serves to admins. */
export async function checkOperations (hasura: HasuraApi): Promise<Result> {
  const { data, message } = await hasura.asAdmin(getIntrospectionQuery({ descriptions: false }))
  if (data === undefined) return unknown(`Hasura does not describe its types to admins (${message})`)
  const schema = buildClientSchema(data as IntrospectionQuery)
  const documents = Object.entries(operations).filter(([name]) => name.endsWith('Document'))
  const problems = documents.flatMap(([name, document]) => (
    validate(schema, parse(String(document))).map(({ message }) => `${name.replace(/Document$/, '')}: ${message}`)
  ))
  const [first] = problems
  if (first === undefined) return ok(`all ${documents.length} are valid`)
  return failed(`${first} (${problems.length} in all): run npm run adopt, and deploy`)
}
