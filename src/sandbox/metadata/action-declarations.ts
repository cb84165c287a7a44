import { readFileSync } from 'node:fs'
import { buildASTSchema, getNamedType, isLeafType, isObjectType, Kind, parse } from 'graphql'
import type { DefinitionNode, GraphQLField, GraphQLOutputType, ObjectTypeDefinitionNode } from 'graphql'

/** Scalars of PostgreSQL, which the types of an action may use without declaring them. */
const postgresScalars = [
  'bigint', 'bytea', 'date', 'float8', 'json', 'jsonb', 'numeric', 'smallint', 'time', 'timestamp', 'timestamptz', 'timetz',
  'uuid'
]

/**
 * Reads the metadata's `actions.graphql`.
 *
 * @returns a function from an action's name to its field
 * @throws Error that names what the sandbox does not support
 */
export function readActionFields (file: string): (action: string) => GraphQLField<unknown, unknown> {
  const { definitions } = parse(readFileSync(file, 'utf8'))
  const isMutation = (node: DefinitionNode): node is ObjectTypeDefinitionNode => (
    node.kind === Kind.OBJECT_TYPE_DEFINITION && node.name.value === 'Mutation'
  )
  // Hasura's CLI writes a block `type Mutation` for every action; in SDL all but the first are extensions.
  const [first, ...others] = definitions.filter(isMutation)
  const schema = buildASTSchema({
    kind: Kind.DOCUMENT,
    definitions: [
      ...parse(postgresScalars.map(name => `scalar ${name}`).join('\n')).definitions,
      ...definitions.filter(node => node === first || !isMutation(node)),
      ...others.map(node => ({ ...node, kind: Kind.OBJECT_TYPE_EXTENSION as const }))
    ]
  })
  if (schema.getQueryType()) throw new Error(`The sandbox does not support type Query in ${file}`)

  return (name) => {
    const field = schema.getMutationType()?.getFields()[name]
    if (field === undefined) throw new Error(`The action ${name} is not declared in ${file}`)
    const output = getNamedType(field.type)
    const isLeaf = ({ type }: { type: GraphQLOutputType }): boolean => isLeafType(getNamedType(type))
    if (isObjectType(output) && Object.values(output.getFields()).every(isLeaf)) return field
    throw new Error(`The sandbox does not support ${output.name} as the answer of an action in ${file}`)
  }
}
