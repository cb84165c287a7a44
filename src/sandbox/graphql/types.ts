import {
  GraphQLBoolean, GraphQLEnumType, GraphQLFloat, GraphQLInputObjectType, GraphQLInt, GraphQLList, GraphQLNonNull,
  GraphQLScalarType, GraphQLString, Kind, valueFromASTUntyped
} from 'graphql'
import type { ValueNode } from 'graphql'

const specified: Record<string, GraphQLScalarType> = {
  text: GraphQLString, varchar: GraphQLString, int4: GraphQLInt, bool: GraphQLBoolean, float4: GraphQLFloat
}
const renamed: Record<string, string> = { int8: 'bigint', int2: 'smallint' }

/** PostgreSQL reads a number as it was written, where one of JavaScript would have lost digits. */
function parseLiteral (node: ValueNode, variables?: Parameters<typeof valueFromASTUntyped>[1]): unknown {
  return node.kind === Kind.INT || node.kind === Kind.FLOAT ? node.value : valueFromASTUntyped(node, variables)
}

/** Makes a named type once for a schema, where two of one name would be an error. */
export type Memo = <T>(name: string, make: () => T) => T

export function createMemo (): Memo {
  const made = new Map<string, unknown>()
  return <T>(name: string, make: () => T): T => {
    if (!made.has(name)) made.set(name, make())
    return made.get(name) as T
  }
}

/** A scalar whose values are left to PostgreSQL. */
export function scalarNamed (name: string, memo: Memo): GraphQLScalarType {
  return memo(name, () => new GraphQLScalarType({ name, parseValue: value => value, parseLiteral }))
}

/** The scalar for a type of PostgreSQL: one of GraphQL's own, or one named like the type. */
export function scalarOf (pgType: string, memo: Memo): GraphQLScalarType {
  return specified[pgType] ?? scalarNamed(renamed[pgType] ?? pgType, memo)
}

/** The operators on a column of a type. */
export function comparisonOf (pgType: string, memo: Memo): GraphQLInputObjectType {
  const type = scalarOf(pgType, memo)
  const name = `${type.name}_comparison_exp`
  return memo(name, () => new GraphQLInputObjectType({
    name,
    fields: {
      _eq: { type },
      _neq: { type },
      _gt: { type },
      _lt: { type },
      _in: { type: new GraphQLList(new GraphQLNonNull(type)) },
      _is_null: { type: GraphQLBoolean }
    }
  }))
}

/** An enum whose members are names. */
export function enumOf (name: string, members: string[], memo: Memo): GraphQLEnumType {
  return memo(name, () => new GraphQLEnumType({
    name, values: Object.fromEntries(members.map(member => [member, {}]))
  }))
}

/** The directions of an `order_by`. */
export function orderByOf (memo: Memo): GraphQLEnumType {
  const members = ['asc', 'asc_nulls_first', 'asc_nulls_last', 'desc', 'desc_nulls_first', 'desc_nulls_last']
  return enumOf('order_by', members, memo)
}
