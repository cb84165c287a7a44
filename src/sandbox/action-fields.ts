import { readFileSync } from 'node:fs'
import {
  buildASTSchema, getNamedType, getNullableType, GraphQLList, GraphQLObjectType, GraphQLScalarType, isLeafType,
  isListType, isObjectType, Kind, parse
} from 'graphql'
import type { DefinitionNode, GraphQLField, GraphQLOutputType, ObjectTypeDefinitionNode } from 'graphql'
import type { Action } from './metadata.ts'
import type { Fields } from './table-types.ts'
import type { Memo } from './types.ts'

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

/** A type like an action's, whose scalars take any value: it is `readAnswer` that checks what Hasura checks. */
function lenientOf (type: GraphQLOutputType, memo: Memo): GraphQLOutputType {
  const nullable = getNullableType(type)
  if (isListType(nullable)) return new GraphQLList(lenientOf(nullable.ofType, memo))
  if (!isObjectType(nullable)) return memo('anything', () => new GraphQLScalarType({ name: 'anything' }))
  const { name } = nullable
  return memo(name, () => new GraphQLObjectType({
    name,
    fields: Object.fromEntries(Object.entries(nullable.getFields()).map(([name, { type }]) => (
      [name, { type: lenientOf(type, memo) }]
    )))
  }))
}

/**
 * The fields of the actions that a role may call.
 *
 * @param lenient - whether they hand on any scalar, as Hasura does
 */
export function actionFields (actions: Action[], role: string, memo: Memo, lenient: boolean): Fields {
  const permitted = actions.filter(({ permissions }) => role === 'admin' || permissions.some(item => item.role === role))
  return Object.fromEntries(permitted.map(action => [action.name, {
    type: lenient ? lenientOf(action.field.type, memo) : action.field.type,
    args: Object.fromEntries(action.field.args.map(({ name, type, defaultValue }) => [name, { type, defaultValue }])),
    resolve: async (_, input, { call }) => call(action, input)
  } satisfies Fields[string]]))
}
