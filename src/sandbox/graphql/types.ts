import {
  GraphQLBoolean, GraphQLEnumType, GraphQLFloat, GraphQLInputObjectType, GraphQLInt, GraphQLList, GraphQLNonNull,
  GraphQLScalarType, GraphQLString
} from 'graphql'
import type { GraphQLNamedType } from 'graphql'
import { comparisons, patternMatches } from '../database/where.ts'
import { listOf } from './input.ts'
import type { InputExtensions, Reader } from './input.ts'
import { readColumn } from './scalars.ts'

const specified: Record<string, GraphQLScalarType> = {
  text: GraphQLString, varchar: GraphQLString, int4: GraphQLInt, bool: GraphQLBoolean, float4: GraphQLFloat
}
const renamed: Record<string, string> = { int8: 'bigint', int2: 'smallint' }
const texts = ['text', 'varchar', 'bpchar', 'citext']

/** The numeric types, which `_inc` can change. */
export const numericTypes = ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric']

/** Makes a named type once, because a schema cannot have two of one name. */
export type Memo = <T>(name: string, make: () => T) => T

/** @param types - types that exist already */
export function createMemo (types: Iterable<GraphQLNamedType>): Memo {
  const made = new Map<string, unknown>(Array.from(types, type => [type.name, type]))
  return <T>(name: string, make: () => T): T => {
    if (!made.has(name)) made.set(name, make())
    return made.get(name) as T
  }
}

/** A type of a column. */
export type ColumnType = GraphQLScalarType | GraphQLList<GraphQLNonNull<GraphQLScalarType>>

function scalarOf (pgType: string, memo: Memo): GraphQLScalarType {
  const name = renamed[pgType] ?? pgType
  return specified[pgType] ?? memo(name, () => new GraphQLScalarType({ name }))
}

/** Returns the GraphQL type for a type of PostgreSQL: one of GraphQL's own, or one named like the type. */
export function typeOf (pgType: string, memo: Memo): ColumnType {
  if (!pgType.startsWith('_')) return scalarOf(pgType, memo)
  return new GraphQLList(new GraphQLNonNull(scalarOf(pgType.slice(1), memo)))
}

/** Returns the reader of values for columns of a type of PostgreSQL. */
export function columnReader (pgType: string, memo: Memo): Reader {
  const { name } = scalarOf(pgType.replace(/^_/, ''), memo)
  return (given, path, { variables }) => readColumn(pgType, name, given, path, variables)
}

/** The operators on a column of a type of PostgreSQL. */
export function comparisonOf (pgType: string, memo: Memo): GraphQLInputObjectType {
  const type = typeOf(pgType, memo)
  const scalar = scalarOf(pgType.replace(/^_/, ''), memo)
  const name = `${scalar.name}${pgType.startsWith('_') ? '_array' : ''}_comparison_exp`
  const read = columnReader(pgType, memo)
  const item = new GraphQLNonNull(type)
  const field = (read: Reader) => ({ rejectsNull: true, read }) satisfies InputExtensions
  const operators = [...Object.keys(comparisons), ...(texts.includes(pgType) ? Object.keys(patternMatches) : [])]
  return memo(name, () => new GraphQLInputObjectType({
    name,
    fields: {
      ...Object.fromEntries(operators.map(operator => [operator, { type, extensions: field(read) }])),
      _in: { type: new GraphQLList(item), extensions: field(listOf(item, read)) },
      _nin: { type: new GraphQLList(item), extensions: field(listOf(item, read)) },
      _is_null: { type: GraphQLBoolean, extensions: { rejectsNull: true } satisfies InputExtensions }
    }
  }))
}

/** An enum whose members are names. */
export function enumNamed (name: string, members: string[], memo: Memo): GraphQLEnumType {
  return memo(name, () => new GraphQLEnumType({
    name, values: Object.fromEntries(members.map(member => [member, {}]))
  }))
}

/** The directions of an `order_by`. */
export function orderByOf (memo: Memo): GraphQLEnumType {
  const members = ['asc', 'asc_nulls_first', 'asc_nulls_last', 'desc', 'desc_nulls_first', 'desc_nulls_last']
  return enumNamed('order_by', members, memo)
}
