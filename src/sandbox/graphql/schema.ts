import { GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import type { GraphQLArgumentConfig } from 'graphql'
import { accessOf, grantedColumns, hasReadableKey } from '../database/permissions.ts'
import { actionFields } from './action-fields.ts'
import type { TrackedTable } from '../database/catalogue.ts'
import type { Connection } from '../database/connection.ts'
import type { Context } from './context.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'
import { deleteByPk, insertOne, updateByPk } from './mutations.ts'
import { select } from '../database/sql.ts'
import type { Row, SelectArguments } from '../database/sql.ts'
import { createTableTypes, rowsOf } from './table-types.ts'
import type { Field, Fields, TableTypes } from './table-types.ts'
import { createMemo } from './types.ts'

/** What Hasura shows to a role that may read nothing. */
const noQueries: Fields = {
  no_queries_available: {
    type: new GraphQLNonNull(GraphQLString),
    resolve: () => 'There are no queries available to the current role. '
      + 'Either there are no sources or remote schemas configured, or the current role doesn\'t have the required permissions.'
  }
}

function queryFields (table: TrackedTable, role: string, types: TableTypes): Fields {
  if (accessOf(table, role).select === undefined) return {}
  const row = types.object(table)
  const rows: Field = {
    type: rowsOf(row),
    args: types.selectArguments(table),
    resolve: async (_, args: SelectArguments, { database, session }) => select(database, table, session, args)
  }
  if (!hasReadableKey(table, role)) return { [table.graphqlName]: rows }
  return {
    [table.graphqlName]: rows,
    [`${table.graphqlName}_by_pk`]: {
      type: row,
      args: types.keyArguments(table),
      resolve: async (_, key, { database, session }) => {
        const where = Object.fromEntries(Object.entries(key).map(([name, value]) => [name, { _eq: value }]))
        return (await select(database, table, session, { where }))[0] ?? null
      }
    }
  }
}

type Mutate<Args> = (db: Connection, table: TrackedTable, session: Context['session'], args: Args) => Promise<Row | null>

/** The mutations of a table; one whose row the role could not select back is left out. */
function mutationFields (table: TrackedTable, role: string, types: TableTypes): Fields {
  const { select, insert, update, delete: remove } = accessOf(table, role)
  if (select === undefined) return {}
  const name = table.graphqlName
  const required = (type: GraphQLArgumentConfig['type']): GraphQLArgumentConfig => ({ type: new GraphQLNonNull(type) })
  const field = <Args>(args: Record<string, GraphQLArgumentConfig>, mutate: Mutate<Args>): Field => ({
    type: types.object(table),
    args,
    resolve: async (_, given: unknown, { session, write }) => (
      write(async db => mutate(db, table, session, given as Args))
    )
  })

  const fields: Fields = {}
  if (insert !== undefined) {
    fields[`insert_${name}_one`] = field({
      object: required(types.columnsInput(`${name}_insert_input`, grantedColumns(table, insert))),
      ...(update && table.constraints.length > 0 && { on_conflict: { type: types.onConflict(table) } })
    }, insertOne)
  }
  if (!hasReadableKey(table, role)) return fields
  if (update !== undefined) {
    const keys = table.columns.filter(({ name }) => table.primaryKey.includes(name))
    fields[`update_${name}_by_pk`] = field({
      pk_columns: required(types.columnsInput(`${name}_pk_columns_input`, keys, true)),
      _set: { type: types.columnsInput(`${name}_set_input`, grantedColumns(table, update)) }
    }, updateByPk)
  }
  if (remove !== undefined) fields[`delete_${name}_by_pk`] = field<Json>(types.keyArguments(table), deleteByPk)
  return fields
}

/**
 * The schema that a role sees: what its permissions leave out is not there at all.
 *
 * @param lenient - whether the fields of an action's answer take any value: Hasura hands those on as they are, so the
 *   schema that runs a request is this one, and the strict one is what the client's document is held against
 */
export function createSchema (tables: TrackedTable[], actions: Action[], role: string, lenient = false): GraphQLSchema {
  const memo = createMemo()
  const types = createTableTypes(role, memo)
  const rootOf = (name: string, fields: Fields): GraphQLObjectType => new GraphQLObjectType({ name, fields })
  const queries = Object.assign({}, ...tables.map(table => queryFields(table, role, types))) as Fields
  const mutations = Object.assign(
    {}, ...tables.map(table => mutationFields(table, role, types)), actionFields(actions, role, memo, lenient)
  ) as Fields
  return new GraphQLSchema({
    query: rootOf('query_root', Object.keys(queries).length === 0 ? noQueries : queries),
    ...(Object.keys(mutations).length > 0 && { mutation: rootOf('mutation_root', mutations) })
  })
}
