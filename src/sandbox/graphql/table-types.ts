import { GraphQLInputObjectType, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLObjectType } from 'graphql'
import type {
  GraphQLFieldConfig, GraphQLFieldConfigArgumentMap, GraphQLInputFieldConfigMap, GraphQLInputType,
  GraphQLOutputType, ThunkObjMap
} from 'graphql'
import { accessOf, grantedColumns } from '../database/permissions.ts'
import type { Column, TrackedTable } from '../database/catalogue.ts'
import type { Context } from './context.ts'
import type { Json } from '../json.ts'
import { select } from '../database/sql.ts'
import type { Row, SelectArguments } from '../database/sql.ts'
import { comparisonOf, enumOf, orderByOf, scalarOf } from './types.ts'
import type { Memo } from './types.ts'

export type Field = GraphQLFieldConfig<Row, Context, Json>
export type Fields = Record<string, Field>

const listOf = (type: GraphQLInputType): GraphQLInputType => new GraphQLList(new GraphQLNonNull(type))
export const rowsOf = (type: GraphQLObjectType): GraphQLOutputType => (
  new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)))
)

/** The types of a schema that belong to a table, as one role sees them. */
export interface TableTypes {
  object: (table: TrackedTable) => GraphQLObjectType<Row, Context>
  boolExp: (table: TrackedTable) => GraphQLInputObjectType
  /** An input of some of the columns, all optional as in Hasura unless `required`. */
  columnsInput: (name: string, columns: Column[], required?: boolean) => GraphQLInputObjectType
  keyArguments: (table: TrackedTable) => GraphQLFieldConfigArgumentMap
  selectArguments: (table: TrackedTable) => GraphQLFieldConfigArgumentMap
  onConflict: (table: TrackedTable) => GraphQLInputObjectType
}

/** @param role - whose permissions decide which columns and relationships there are */
export function createTableTypes (role: string, memo: Memo): TableTypes {
  const readable = (table: TrackedTable): Column[] => grantedColumns(table, accessOf(table, role).select)
  const relationshipsOf = (table: TrackedTable): TrackedTable['relationships'] => (
    table.relationships.filter(({ target }) => accessOf(target, role).select !== undefined)
  )
  const input = (name: string, fields: ThunkObjMap<GraphQLInputFieldConfigMap[string]>): GraphQLInputObjectType => (
    memo(name, () => new GraphQLInputObjectType({ name, fields }))
  )
  const fromColumns = (columns: Column[], type: (column: Column) => GraphQLInputType): GraphQLInputFieldConfigMap => (
    Object.fromEntries(columns.map(column => [column.name, { type: type(column) }]))
  )

  const columnField = ({ name, type, notNull }: Column): Field => {
    const scalar = scalarOf(type, memo)
    return { type: notNull ? new GraphQLNonNull(scalar) : scalar, resolve: row => row[name] }
  }

  const relationshipField = (table: TrackedTable, { kind, target, from, to }: TrackedTable['relationships'][number]): Field => {
    const rows = async (row: Row, args: SelectArguments, { session, database }: Context): Promise<Row[]> => {
      if (row[from] === null) return []
      const where = { _and: [args.where ?? {}, { [to]: { _eq: row[from] } }] }
      return select(database, target, session, { ...args, where })
    }
    const type = object(target)
    if (kind === 'array') {
      return { type: rowsOf(type), args: selectArguments(target), resolve: rows }
    }
    // Behind a filter, the row that the foreign key promises may be one that the role does not see.
    const isUnfiltered = Object.keys(accessOf(target, role).select?.filter ?? {}).length === 0
    const isCertain = isUnfiltered && table.columns.some(({ name, notNull }) => name === from && notNull)
    return {
      type: isCertain ? new GraphQLNonNull(type) : type,
      resolve: async (row, args, context) => (await rows(row, args, context))[0] ?? null
    }
  }

  const object: TableTypes['object'] = table => memo(table.graphqlName, () => new GraphQLObjectType<Row, Context>({
    name: table.graphqlName,
    fields: (): Fields => ({
      ...Object.fromEntries(readable(table).map(column => [column.name, columnField(column)])),
      ...Object.fromEntries(relationshipsOf(table).map(item => [item.name, relationshipField(table, item)]))
    })
  }))

  const boolExp: TableTypes['boolExp'] = (table) => {
    const name = `${table.graphqlName}_bool_exp`
    return input(name, () => ({
      _and: { type: listOf(boolExp(table)) },
      _or: { type: listOf(boolExp(table)) },
      _not: { type: boolExp(table) },
      ...fromColumns(readable(table), ({ type }) => comparisonOf(type, memo)),
      ...Object.fromEntries(relationshipsOf(table).map(({ name, target }) => [name, { type: boolExp(target) }]))
    }))
  }

  const columnsInput: TableTypes['columnsInput'] = (name, columns, required = false) => (
    input(name, fromColumns(columns, ({ type }) => {
      const scalar = scalarOf(type, memo)
      return required ? new GraphQLNonNull(scalar) : scalar
    }))
  )

  const selectArguments: TableTypes['selectArguments'] = table => ({
    where: { type: boolExp(table) },
    order_by: {
      type: listOf(input(`${table.graphqlName}_order_by`, fromColumns(readable(table), () => orderByOf(memo))))
    },
    limit: { type: GraphQLInt },
    offset: { type: GraphQLInt }
  })

  const keyArguments: TableTypes['keyArguments'] = ({ columns, primaryKey }) => Object.fromEntries(
    columns.filter(({ name }) => primaryKey.includes(name))
      .map(({ name, type }) => [name, { type: new GraphQLNonNull(scalarOf(type, memo)) }])
  )

  const onConflict: TableTypes['onConflict'] = (table) => {
    const name = table.graphqlName
    const columns = grantedColumns(table, accessOf(table, role).update).map(({ name }) => name)
    const updateColumn = new GraphQLNonNull(enumOf(`${name}_update_column`, columns, memo))
    return input(`${name}_on_conflict`, () => ({
      constraint: { type: new GraphQLNonNull(enumOf(`${name}_constraint`, table.constraints, memo)) },
      update_columns: { type: new GraphQLNonNull(new GraphQLList(updateColumn)), defaultValue: [] },
      where: { type: boolExp(table) }
    }))
  }

  return { object, boolExp, columnsInput, keyArguments, selectArguments, onConflict }
}
