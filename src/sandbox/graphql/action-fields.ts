import { readFileSync } from 'node:fs'
import {
  buildASTSchema, getNamedType, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLScalarType, isLeafType,
  isListType, isNonNullType, isObjectType, isScalarType, isSpecifiedScalarType, Kind, parse
} from 'graphql'
import type {
  DefinitionNode, GraphQLField, GraphQLInputType, GraphQLNamedType, GraphQLOutputType, ObjectTypeDefinitionNode
} from 'graphql'
import type { Action } from '../metadata/metadata.ts'
import type { Fields } from './table-types.ts'
import { postgresScalars, scalarNamed } from './types.ts'
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

/** The schema's own scalar in the place of the contract's: of one name there is one, which tables may use, too. */
function leafOf<T extends GraphQLNamedType> (type: T, memo: Memo): T | GraphQLScalarType {
  return isScalarType(type) && !isSpecifiedScalarType(type) ? scalarNamed(type.name, memo) : type
}

function inputOf (type: GraphQLInputType, memo: Memo): GraphQLInputType {
  if (isNonNullType(type)) return new GraphQLNonNull(inputOf(type.ofType, memo))
  return isListType(type) ? new GraphQLList(inputOf(type.ofType, memo)) : leafOf(type, memo)
}

/** An action's type; if `lenient`, its scalars take any value: it is `readAnswer` that checks what Hasura checks. */
function outputOf (type: GraphQLOutputType, memo: Memo, lenient: boolean): GraphQLOutputType {
  if (isNonNullType(type)) {
    const nullable = outputOf(type.ofType, memo, lenient)
    return lenient ? nullable : new GraphQLNonNull(nullable)
  }
  if (isListType(type)) return new GraphQLList(outputOf(type.ofType, memo, lenient))
  if (isObjectType(type)) {
    const { name } = type
    return memo(name, () => new GraphQLObjectType({
      name,
      fields: Object.fromEntries(Object.entries(type.getFields()).map(([name, { type }]) => (
        [name, { type: outputOf(type, memo, lenient) }]
      )))
    }))
  }
  return lenient ? memo('anything', () => new GraphQLScalarType({ name: 'anything' })) : leafOf(type, memo)
}

/**
 * The fields of the actions that a role may call.
 *
 * @param lenient - whether they hand on any scalar, as Hasura does
 */
export function actionFields (actions: Action[], role: string, memo: Memo, lenient: boolean): Fields {
  const permitted = actions.filter(({ permissions }) => role === 'admin' || permissions.some(item => item.role === role))
  return Object.fromEntries(permitted.map(action => [action.name, {
    type: outputOf(action.field.type, memo, lenient),
    args: Object.fromEntries(action.field.args.map(({ name, type, defaultValue }) => (
      [name, { type: inputOf(type, memo), defaultValue }]
    ))),
    resolve: async (_, input, { call }) => call(action, input)
  } satisfies Fields[string]]))
}
