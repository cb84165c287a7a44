import { GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import type { TrackedTable } from '../database/catalogue.ts'
import type { Metadata } from '../metadata/metadata.ts'
import { actionFields } from './action-fields.ts'
import type { CallAction } from './action.ts'
import type { RootField, RootFields } from './root-field.ts'
import { tableMutations } from './table-mutations.ts'
import { tableQueries } from './table-queries.ts'
import { createTableInputs } from './table-inputs.ts'
import { createTableOutputs } from './table-outputs.ts'
import { createMemo } from './types.ts'

const noQueries = 'There are no queries available to the current role. Either there are no sources or remote '
  + 'schemas configured, or the current role doesn\'t have the required permissions.'

/** The schema that a role sees, and the root fields that run it. */
export interface RoleSchema { schema: GraphQLSchema, queries: RootFields, mutations: RootFields }

function merge (fields: RootFields[]): RootFields {
  return Object.fromEntries(fields.flatMap(Object.entries<RootField>))
}

function rootType (name: string, fields: RootFields): GraphQLObjectType {
  const config = Object.entries(fields).map(([name, { type, args = {} }]) => [name, { type, args }] as const)
  return new GraphQLObjectType({ name, fields: Object.fromEntries(config) })
}

/** Makes the schema of a role. What its permissions leave out does not exist there. */
export function createRoleSchema (
  tables: TrackedTable[], { actions, types }: Metadata, role: string, callAction: CallAction
): RoleSchema {
  const memo = createMemo(types)
  const inputs = createTableInputs(role, memo)
  const tableTypes = { ...inputs, ...createTableOutputs(role, memo, inputs) }
  const queries = merge([
    ...tables.map(table => tableQueries(table, role, tableTypes)), actionFields(actions, 'query', role, callAction)
  ])
  if (Object.keys(queries).length === 0) {
    const type = new GraphQLNonNull(GraphQLString)
    queries['no_queries_available'] = { type, run: async () => JSON.stringify(noQueries) }
  }
  const mutations = merge([
    ...tables.map(table => tableMutations(table, role, tableTypes)), actionFields(actions, 'mutation', role, callAction)
  ])
  const schema = new GraphQLSchema({
    query: rootType('query_root', queries),
    mutation: Object.keys(mutations).length > 0 ? rootType('mutation_root', mutations) : undefined,
    // Hasura allows an input without fields, for columns that a permission presets.
    assumeValid: true
  })
  return { schema, queries, mutations }
}
