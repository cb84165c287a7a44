import { executeSync, OperationTypeNode, parse } from 'graphql'
import type { GraphQLSchema } from 'graphql'
import type { TrackedTable } from '../database/catalogue.ts'
import type { Selected } from '../database/select.ts'
import { sqlFault } from '../database/sql-connection.ts'
import type { Database, SqlConnection } from '../database/sql-connection.ts'
import { HasuraFault } from '../fault.ts'
import { writeJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { Metadata } from '../metadata/metadata.ts'
import type { CallAction } from './action.ts'
import { readOperation, readVariables } from './operation.ts'
import type { Client } from './root-field.ts'
import { createRoleSchema } from './schema.ts'
import type { RoleSchema } from './schema.ts'
import { checkDirectives, readSelection } from './selection.ts'
import { invalidInput } from './values.ts'

export interface GraphqlRequest { query: string, variables: Json, operationName: string | null }

/** Runs a request and returns its data as JSON. */
export type Execute = (request: GraphqlRequest, client: Client) => Promise<string>

/**
 * Checks a request against the schema of the caller's role.
 *
 * @throws HasuraFault for the first mistake
 */
function checkRequest ({ schema, queries, mutations }: RoleSchema, request: GraphqlRequest) {
  const operation = readOperation(request.query, request.operationName)
  const kind = operation.node.operation
  if (kind === OperationTypeNode.SUBSCRIPTION) {
    throw new HasuraFault('unexpected-payload', 'subscriptions are not supported over HTTP, use websockets instead')
  }
  const root = schema.getRootType(kind)
  if (!root) throw invalidInput('no mutations exist', '$')
  const variables = readVariables(schema, operation, request.variables)
  checkDirectives(operation.node.directives ?? [], kind, '$')
  const { node: { selectionSet: { selections } }, fragments } = operation
  const selected = readSelection(selections, root, '$', { schema, variables, fragments })
  return { kind, selected, fields: kind === OperationTypeNode.MUTATION ? mutations : queries }
}

/** Writes a selection of introspection fields, whose arguments are strings and booleans. */
function writeSelected ({ alias, name, args, fields }: Selected): string {
  const given = Object.entries(args).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  const selection = fields.length === 0 ? '' : ` { ${fields.map(writeSelected).join(' ')} }`
  return `${alias}: ${name}${given.length === 0 ? '' : `(${given.join()})`}${selection}`
}

/** Answers `__schema` or `__type`. */
function introspect (schema: GraphQLSchema, selected: Selected): string {
  return writeJson(executeSync({ schema, document: parse(`{ ${writeSelected(selected)} }`) }).data?.[selected.alias])
}

export interface ExecuteOptions { db: Database, tables: TrackedTable[], metadata: Metadata, callAction: CallAction }

/**
 * Returns a function that runs GraphQL as Hasura does.
 *
 * @throws Error if the tables and the actions do not make a schema
 */
export function createExecute ({ db, tables, metadata, callAction }: ExecuteOptions): Execute {
  const schemas = new Map<string, RoleSchema>()
  const schemaOf = (role: string): RoleSchema => {
    const schema = schemas.get(role) ?? createRoleSchema(tables, metadata, role, callAction)
    schemas.set(role, schema)
    return schema
  }

  // If the tables and actions do not make a schema, the start fails and not only the first request.
  schemaOf('admin')
  return async (request, client) => {
    const roleSchema = schemaOf(client.session.role)
    const { kind, selected, fields } = checkRequest(roleSchema, request)
    const run = async (item: Selected, connection: SqlConnection): Promise<string> => {
      if (item.name === '__typename') return JSON.stringify(item.typeName)
      const field = fields[item.name]
      if (field === undefined) return introspect(roleSchema.schema, item)
      return field.run(item, { ...client, query: request.query, db: connection })
    }
    const runAll = async (run: (item: Selected) => Promise<string>): Promise<string> => {
      const parts: string[] = []
      for (const item of selected) parts.push(`${JSON.stringify(item.alias)}:${await run(item)}`)
      return `{${parts.join()}}`
    }
    const isAction = ({ name }: Selected): boolean => fields[name]?.isAction === true

    try {
      if (kind === OperationTypeNode.QUERY) return await runAll(async item => run(item, db))
      // If all fields are on tables, they run in one transaction. If there is an action, each table field has its own.
      if (selected.some(isAction)) {
        return await runAll(async item => (
          isAction(item) ? run(item, db) : db.transaction(async connection => run(item, connection))
        ))
      }
      return await db.transaction(async connection => runAll(async item => run(item, connection)))
    } catch (error) {
      throw sqlFault(error, '$')
    }
  }
}
