import { GraphQLInputObjectType, GraphQLInt, GraphQLList, GraphQLNonNull } from 'graphql'
import type { GraphQLFieldConfigArgumentMap, GraphQLInputFieldConfigMap, GraphQLInputType } from 'graphql'
import type { Column, TrackedTable } from '../database/catalogue.ts'
import { accessOf, grantedColumns, readableColumns, readableRelationships } from '../database/permissions.ts'
import type { InputExtensions } from './input.ts'
import { readLimit, readOffset } from './scalars.ts'
import { columnReader, comparisonOf, enumNamed, orderByOf, typeOf } from './types.ts'
import type { Memo } from './types.ts'

export function nonNull (type: GraphQLInputType): GraphQLInputType {
  return new GraphQLNonNull(type)
}

export function listOfNonNull (type: GraphQLInputType): GraphQLInputType {
  return new GraphQLList(nonNull(type))
}

/** A field that may be left out but not be null. */
export function optional (type: GraphQLInputType) {
  return { type, extensions: { rejectsNull: true } satisfies InputExtensions }
}

export function fromColumns<T> (columns: Column[], config: (column: Column) => T): Record<string, T> {
  return Object.fromEntries(columns.map(column => [column.name, config(column)]))
}

/** The input types of the tables, as one role sees them. */
export interface TableInputs {
  boolExp: (table: TrackedTable) => GraphQLInputObjectType
  /** An input of some columns, all optional. */
  columnsInput: (name: string, columns: Column[]) => GraphQLInputObjectType
  pkColumnsInput: (table: TrackedTable) => GraphQLInputObjectType
  /** The columns of the primary key, all required. */
  keyArguments: (table: TrackedTable) => GraphQLFieldConfigArgumentMap
  selectColumn: (table: TrackedTable) => GraphQLInputType
  selectArguments: (table: TrackedTable) => GraphQLFieldConfigArgumentMap
  onConflict: (table: TrackedTable) => GraphQLInputObjectType
}

/** @param role - its permissions decide which columns and relationships there are */
export function createTableInputs (role: string, memo: Memo): TableInputs {
  const inputNamed = (name: string, fields: () => GraphQLInputFieldConfigMap): GraphQLInputObjectType => (
    memo(name, () => new GraphQLInputObjectType({ name, fields }))
  )
  const columnConfig = ({ type, notNull }: Column) => ({
    type: typeOf(type, memo),
    extensions: { read: columnReader(type, memo), rejectsNull: notNull } satisfies InputExtensions
  })

  const boolExp: TableInputs['boolExp'] = table => inputNamed(`${table.graphqlName}_bool_exp`, () => {
    const relationships = readableRelationships(table, role)
    return {
      _and: optional(listOfNonNull(boolExp(table))),
      _not: optional(boolExp(table)),
      _or: optional(listOfNonNull(boolExp(table))),
      ...fromColumns(readableColumns(table, role), ({ type }) => optional(comparisonOf(type, memo))),
      ...Object.fromEntries(relationships.map(({ name, target }) => [name, optional(boolExp(target))]))
    }
  })

  const columnsInput: TableInputs['columnsInput'] = (name, columns) => (
    inputNamed(name, () => fromColumns(columns, columnConfig))
  )

  const keyArguments: TableInputs['keyArguments'] = ({ columns, primaryKey }) => (
    fromColumns(columns.filter(({ name }) => primaryKey.includes(name)), (column) => {
      const { type, extensions } = columnConfig({ ...column, notNull: true })
      return { type: nonNull(type), extensions }
    })
  )

  const pkColumnsInput: TableInputs['pkColumnsInput'] = table => (
    inputNamed(`${table.graphqlName}_pk_columns_input`, () => keyArguments(table))
  )

  const selectColumn: TableInputs['selectColumn'] = table => (
    enumNamed(`${table.graphqlName}_select_column`, readableColumns(table, role).map(({ name }) => name), memo)
  )

  const selectArguments: TableInputs['selectArguments'] = (table) => {
    const direction = { type: orderByOf(memo) }
    const columns = readableColumns(table, role)
    const orderBy = inputNamed(`${table.graphqlName}_order_by`, () => fromColumns(columns, () => direction))
    return {
      distinct_on: { type: listOfNonNull(selectColumn(table)) },
      limit: { type: GraphQLInt, extensions: { read: readLimit } satisfies InputExtensions },
      offset: { type: GraphQLInt, extensions: { read: readOffset } satisfies InputExtensions },
      order_by: { type: listOfNonNull(orderBy) },
      where: { type: boolExp(table) }
    }
  }

  const onConflict: TableInputs['onConflict'] = (table) => {
    const name = table.graphqlName
    const columns = grantedColumns(table, accessOf(table, role).update).map(({ name }) => name)
    const updateColumn = enumNamed(`${name}_update_column`, columns, memo)
    return inputNamed(`${name}_on_conflict`, () => ({
      constraint: { type: nonNull(enumNamed(`${name}_constraint`, table.constraints, memo)) },
      update_columns: { type: nonNull(listOfNonNull(updateColumn)), defaultValue: [] },
      where: optional(boolExp(table))
    }))
  }

  return { boolExp, columnsInput, pkColumnsInput, keyArguments, selectColumn, selectArguments, onConflict }
}
