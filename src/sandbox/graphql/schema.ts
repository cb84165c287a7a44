import { buildASTSchema, GraphQLSchema, parse } from 'graphql'
import type { TrackedTable } from '../database/catalogue.ts'
import { writeJson } from '../json.ts'
import type { Action } from '../metadata/action-metadata.ts'
import type { Metadata } from '../metadata/metadata.ts'
import { projectAnswer } from './action-answer.ts'
import type { CallAction } from './action.ts'
import type { NamedField, RootFields } from './root-field.ts'
import { tableMutations, tableQueries } from './table-fields.ts'
import { define, namesOf, tableSdl } from './table-sdl.ts'

const noQueries = 'There are no queries available to the current role. Either there are no sources or remote '
  + 'schemas configured, or the current role doesn\'t have the required permissions.'

/** The schema that a role sees, and the root fields that run it. */
export interface RoleSchema { schema: GraphQLSchema, queries: RootFields, mutations: RootFields }

function rootType (name: string, fields: RootFields): string {
  return define('type', name, Object.values(fields).map(({ sdl }) => sdl))
}

/** The root fields of the actions that a role may call. */
function actionFields (actions: Action[], kind: Action['kind'], role: string, callAction: CallAction): NamedField[] {
  const permitted = actions.filter(({ permissions }) => role === 'admin' || permissions.some(item => item.role === role))
  return permitted.filter(action => action.kind === kind).map(action => [action.name, {
    sdl: action.sdl,
    isAction: true,
    run: async ({ args, fields }, context) => writeJson(projectAnswer(await callAction(action, args, context), fields))
  }])
}

/** Makes the schema of a role. It contains only what the permissions of the role allow. */
export function createRoleSchema (
  tables: TrackedTable[], { actions, types, scalars }: Metadata, role: string, callAction: CallAction
): RoleSchema {
  const queries: RootFields = Object.fromEntries([
    ...tables.flatMap(table => tableQueries(table, role)), ...actionFields(actions, 'query', role, callAction)
  ])
  if (Object.keys(queries).length === 0) {
    queries['no_queries_available'] = { sdl: 'no_queries_available: String!', run: async () => JSON.stringify(noQueries) }
  }
  const mutations: RootFields = Object.fromEntries([
    ...tables.flatMap(table => tableMutations(table, role)), ...actionFields(actions, 'mutation', role, callAction)
  ])
  const used = tables.flatMap(({ columns }) => columns.map(({ type }) => namesOf(type).scalar))
  // If a permission presets all columns, Hasura's input type has no fields, which graphql-js considers invalid.
  const options = { assumeValid: true, assumeValidSDL: true }
  const complete = buildASTSchema(parse([
    ...[...scalars, ...used].map(name => `scalar ${name}`), types, tableSdl(tables, role),
    rootType('query_root', queries), rootType('mutation_root', mutations),
    'schema { query: query_root mutation: mutation_root }'
  ].join('\n')), options)
  // Only what the role can reach.
  const mutation = Object.keys(mutations).length > 0 ? complete.getMutationType() : undefined
  const schema = new GraphQLSchema({ query: complete.getQueryType(), mutation, ...options })
  return { schema, queries, mutations }
}
