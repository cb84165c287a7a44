import { executeSync, parse, SchemaMetaFieldDef, TypeMetaFieldDef } from 'graphql'
import type { GraphQLField, GraphQLSchema } from 'graphql'
import type { Selected } from '../database/select.ts'

/** The fields of the query root that GraphQL itself defines. */
export const introspectionFields: Array<GraphQLField<unknown, unknown>> = [SchemaMetaFieldDef, TypeMetaFieldDef]

/** Their arguments are strings and booleans. */
function write ({ alias, name, args, fields }: Selected): string {
  const given = Object.entries(args).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  const selection = fields.length === 0 ? '' : ` { ${fields.map(write).join(' ')} }`
  return `${alias}: ${name}${given.length === 0 ? '' : `(${given.join()})`}${selection}`
}

/** Answers `__schema` or `__type`. */
export function introspectSchema (schema: GraphQLSchema, selected: Selected): unknown {
  return executeSync({ schema, document: parse(`{ ${write(selected)} }`) }).data?.[selected.alias]
}
