import {
  GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLScalarType, isListType, isNonNullType, isObjectType,
  isScalarType, isSpecifiedScalarType
} from 'graphql'
import type { GraphQLInputType, GraphQLNamedType, GraphQLOutputType } from 'graphql'
import type { Action } from '../metadata/metadata.ts'
import type { Fields } from './table-types.ts'
import { scalarNamed } from './types.ts'
import type { Memo } from './types.ts'

/** The schema's own scalar in the place of the contract's: of one name there is one, which tables may use, too. */
function leafOf<T extends GraphQLNamedType> (type: T, memo: Memo): T | GraphQLScalarType {
  return isScalarType(type) && !isSpecifiedScalarType(type) ? scalarNamed(type.name, memo) : type
}

function inputOf (type: GraphQLInputType, memo: Memo): GraphQLInputType {
  if (isNonNullType(type)) return new GraphQLNonNull(inputOf(type.ofType, memo))
  return isListType(type) ? new GraphQLList(inputOf(type.ofType, memo)) : leafOf(type, memo)
}

/** An action's type. If `lenient`, its scalars take any value: `readWebhookAnswer` checks what Hasura checks. */
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
