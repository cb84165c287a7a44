import { getNullableType, isLeafType, isListType, isObjectType, SchemaMetaFieldDef, TypeMetaFieldDef } from 'graphql'
import type { GraphQLField, GraphQLOutputType, GraphQLResolveInfo, GraphQLSchema } from 'graphql'
import type { Selected } from '../database/select.ts'

/** The fields of the query root that GraphQL itself defines. */
export const introspectionFields: Array<GraphQLField<unknown, unknown>> = [SchemaMetaFieldDef, TypeMetaFieldDef]

function complete (value: unknown, type: GraphQLOutputType, fields: Selected[], schema: GraphQLSchema): unknown {
  if (value === null || value === undefined) return null
  const nullable = getNullableType(type)
  if (isListType(nullable)) {
    return Array.from(value as Iterable<unknown>, item => complete(item, nullable.ofType, fields, schema))
  }
  if (isLeafType(nullable)) return nullable.serialize(value)
  return Object.fromEntries(fields.map((selected) => {
    const field = isObjectType(nullable) ? nullable.getFields()[selected.name] : undefined
    return [selected.alias, field === undefined ? selected.typeName : resolve(field, value, selected, schema)]
  }))
}

function resolve (
  field: GraphQLField<unknown, unknown>, source: unknown, { args, fields }: Selected, schema: GraphQLSchema
): unknown {
  // The resolvers of graphql-js read only the schema from their last argument.
  const value: unknown = field.resolve?.(source, args, undefined, { schema } as GraphQLResolveInfo)
  return complete(value, field.type, fields, schema)
}

/** Answers `__schema` or `__type`; undefined for every other field. */
export function introspectSchema (schema: GraphQLSchema, selected: Selected): unknown {
  const field = introspectionFields.find(({ name }) => name === selected.name)
  return field && resolve(field, undefined, selected, schema)
}
