import type { IncomingHttpHeaders } from 'node:http'
import { execute, GraphQLError } from 'graphql'
import type { GraphQLSchema } from 'graphql'
import type { CallAction } from './action.ts'
import type { TrackedTable } from '../database/catalogue.ts'
import type { Database } from '../database/connection.ts'
import { readOperation } from './document.ts'
import type { Operation } from './document.ts'
import { sqlFault } from '../database/sql-fault.ts'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'
import type { Context } from './context.ts'
import { createSchema } from './schema.ts'
import type { Session } from '../auth/authenticate.ts'

export interface Request { query: string, variables: Json | null, operationName: string | null }
export interface Client { session: Session, headers: IncomingHttpHeaders }
export interface Answer { data: unknown, cookies: string[] }
export type Execute = (request: Request, client: Client) => Promise<Answer>

function toFault (error: GraphQLError): unknown {
  const { originalError } = error
  // Without another error behind it, it is graphql-js that refuses the client's variables.
  if (originalError === undefined || originalError instanceof GraphQLError) {
    return new HasuraFault('validation-failed', error.message)
  }
  return sqlFault(originalError, '$')
}

/** Once one field has failed, Hasura does not start the next. */
function stopAtFailure (): <T>(run: () => Promise<T>) => Promise<T> {
  let hasFailed = false
  return async (run) => {
    if (hasFailed) throw new Error('A field before this one has failed')
    try {
      return await run()
    } catch (error) {
      hasFailed = true
      throw error
    }
  }
}

/** Runs GraphQL as Hasura does: on the schema of the caller's role, and with the first error alone as the answer. */
export function createExecute (
  { db, tables, actions, callAction }:
  { db: Database, tables: TrackedTable[], actions: Action[], callAction: CallAction }
): Execute {
  const schemas = new Map<string, { strict: GraphQLSchema, lenient: GraphQLSchema }>()
  const schemasOf = (role: string): { strict: GraphQLSchema, lenient: GraphQLSchema } => {
    const schema = schemas.get(role) ?? {
      strict: createSchema(tables, actions, role), lenient: createSchema(tables, actions, role, true)
    }
    schemas.set(role, schema)
    return schema
  }
  const isAction = (field: string): boolean => actions.some(({ name }) => name === field)

  const run = async (
    { document }: Operation, schema: GraphQLSchema, contextValue: Context, { variables, operationName }: Request
  ): Promise<unknown> => {
    const { data, errors: [error] = [] } = await execute({
      schema, document, contextValue, variableValues: variables, operationName
    })
    if (error !== undefined) throw toFault(error)
    return data
  }

  return async (request, { session, headers }) => {
    const { strict, lenient } = schemasOf(session.role)
    const operation = readOperation(strict, request.query, request.operationName)
    // Introspection reports the schema that runs it, and so that must be the strict one.
    const schema = operation.rootFields.some(isAction) ? lenient : strict
    const cookies: string[] = []
    const inOrder = stopAtFailure()
    const call: Context['call'] = async (action, input) => inOrder(async () => {
      const { value, cookies: set } = await callAction(action, input, { session, headers, query: request.query })
      cookies.push(...set)
      return value
    })

    // As in Hasura, a mutation of tables alone is one transaction; beside an action, each of its fields is one.
    if (operation.kind === 'mutation' && !operation.rootFields.some(isAction)) {
      const data = await db.transaction(async (transaction) => {
        const write: Context['write'] = async mutate => inOrder(async () => mutate(transaction))
        return run(operation, schema, { session, database: transaction, write, call }, request)
      })
      return { data, cookies }
    }
    const write: Context['write'] = async mutate => inOrder(async () => db.transaction(mutate))
    return { data: await run(operation, schema, { session, database: db, write, call }, request), cookies }
  }
}
