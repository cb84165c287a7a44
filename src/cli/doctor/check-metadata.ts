import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import { buildSchema, parse, validate } from 'graphql'
import { parse as parseYaml } from 'yaml'
import { diagnose } from '../../hasura/diagnose.ts'
import * as operations from '../../generated/operations.ts'
import { introspect } from '../pull-schema/introspect.ts'
import { failed, ok, unknown } from './finding.ts'
import type { Finding } from './finding.ts'
import type { HasuraApi } from './hasura-api.ts'

interface Source {
  name: string
  tables: Array<{ table: { name: string } }>
  configuration?: { connection_info?: { isolation_level?: string } }
}

/** An action of the metadata, as far as the checks read it. */
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
export function ownActions (): Map<string, ActionEntry> {
  const { actions } = parseYaml(readFileSync('hasura/metadata/actions.yaml', 'utf8')) as { actions: ActionEntry[] }
  return new Map(actions.map(action => [action.name, action]))
}

interface Consistency { is_consistent: boolean, inconsistent_objects: Array<{ name?: string, reason?: string }> }

async function checkConsistency (hasura: HasuraApi): Promise<Finding> {
  const check = 'metadata'
  const answer = await hasura.metadata('get_inconsistent_metadata') as Consistency | undefined
  if (answer === undefined) return unknown(check, 'Hasura does not serve its metadata API')
  if (answer.is_consistent) return ok(check, 'consistent')
  const [first] = answer.inconsistent_objects
  return failed(check, `${answer.inconsistent_objects.length} objects are inconsistent, the first is ${String(first?.name)}: `
    + `${String(first?.reason)}. Correct it, then run hasura metadata reload`)
}

function checkIsolation ({ sources }: ServedMetadata): Finding {
  const check = 'isolation level'
  const source = sources.find(({ tables }) => tables.some(({ table }) => table.name === 'user_session'))
  if (source === undefined) return unknown(check, 'no database tracks the table user_session')
  const level = source.configuration?.connection_info?.isolation_level ?? 'read-committed'
  if (level === 'read-committed') return ok(check, level)
  return failed(check, `${level} for the database ${source.name}: set isolation_level to read-committed in databases.yaml`)
}

function* findForwardingProblems (
  { name, definition }: ActionEntry, { definition: own }: ActionEntry, { config }: FastifyInstance
): Generator<string> {
  const readsHeaders = config.CLIENT_ADDRESS_HEADER !== undefined || config.REFRESH_COOKIE === 'on'
  if (readsHeaders && definition.forward_client_headers === true && own.forward_client_headers !== true) {
    yield `the action ${name} does not forward the client's headers: set forward_client_headers to true`
  }
  // Hasura's default list lacks it. Forwarded, it says that the body is chunked, which it is not.
  const isIgnored = own.ignored_client_headers?.some(header => header.toLowerCase() === 'transfer-encoding')
  if (own.forward_client_headers === true && isIgnored !== true) {
    yield `the action ${name} forwards the header Transfer-Encoding: `
      + 'copy ignored_client_headers from hasura/metadata/actions.yaml'
  }
}

function* findActionProblems (
  action: ActionEntry, own: ActionEntry | undefined, service: FastifyInstance
): Generator<string> {
  const { name, definition, permissions = [] } = action
  const { config } = service
  const { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: unauthorized, UNVERIFIED_ROLE: unverified, ACTION_SECRET: secret } = config
  if (own === undefined) {
    yield `the action ${name} is missing: add it with npm run adopt, and deploy`
    return
  }
  const path = definition.handler.replace(/^\{\{\w+\}\}/, '')
  if (!own.definition.handler.endsWith(path)) {
    yield `the action ${name} has the handler ${own.definition.handler}: it must end with ${path}`
  }
  const hasSecret = own.definition.headers?.some(header => header.name.toLowerCase() === 'x-hasura-action-secret')
  if (secret !== undefined && hasSecret !== true) {
    yield `the action ${name} does not send the header x-hasura-action-secret: add it to its headers`
  }
  yield* findForwardingProblems(action, own, service)
  const roles = own.permissions?.map(({ role }) => role) ?? []
  const needed = permissions.map(({ role }) => ({ anonymous: unauthorized, unverified })[role])
  // A sign-up may be closed on purpose.
  for (const role of name === 'Signup' ? [] : needed) {
    if (role !== undefined && !roles.includes(role)) yield `the action ${name} has no permission for the role ${role}: add it`
  }
  if (name !== 'Signup' && roles.every(role => role === unauthorized || role === unverified)) {
    yield `the action ${name} has no permission for signed-in users: add their roles`
  }
}

function checkActions ({ actions = [] }: ServedMetadata, service: FastifyInstance): Finding[] {
  const own = new Map(actions.map(action => [action.name, action]))
  const expected = [...ownActions().values()]
  const problems = expected.flatMap(action => [...findActionProblems(action, own.get(action.name), service)])
  if (problems.length > 0) return problems.map(problem => failed('actions', problem))
  return [ok('actions', `all ${expected.length} have their handler, headers and permissions`)]
}

/** Checks the operations of the service against the schema that Hasura serves to admins. */
async function checkOperations ({ config, parsed }: FastifyInstance): Promise<Finding> {
  const check = 'operations'
  let sdl: string
  try {
    sdl = await introspect(parsed.HASURA_GRAPHQL_ENDPOINT.href, config.HASURA_GRAPHQL_ADMIN_SECRET)
  } catch {
    return unknown(check, 'Hasura does not describe its types: introspection is disabled for admins')
  }
  const schema = buildSchema(sdl)
  const documents = Object.entries(operations).filter(([name]) => name.endsWith('Document'))
  const problems = documents.flatMap(([name, document]) => (
    validate(schema, parse(String(document))).map(({ message }) => `${name.replace(/Document$/, '')}: ${message}`)
  ))
  const [first] = problems
  if (first === undefined) return ok(check, `all ${documents.length} are valid`)
  return failed(check, `${first} ${problems.length} problems: apply the migrations and the metadata of npm run adopt`)
}

/** Checks what Hasura serves, as admin. */
export async function checkMetadata (
  service: FastifyInstance, hasura: HasuraApi, metadata: ServedMetadata | undefined
): Promise<Finding[]> {
  const problem = await diagnose(service.hasura, { compareSchema: true })
  const missing = 'Hasura does not serve its metadata API: HASURA_GRAPHQL_ENABLED_APIS lacks metadata'
  return [
    problem === undefined ? ok('tables and columns', 'all there') : failed('tables and columns', problem),
    await checkOperations(service),
    await checkConsistency(hasura),
    metadata === undefined ? unknown('isolation level', missing) : checkIsolation(metadata),
    ...metadata === undefined ? [unknown('actions', missing)] : checkActions(metadata, service)
  ]
}
