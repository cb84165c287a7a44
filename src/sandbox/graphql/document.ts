import { getNamedType, getOperationAST, isObjectType, Kind, OperationTypeNode, parse, validate } from 'graphql'
import type {
  DocumentNode, FragmentDefinitionNode, GraphQLObjectType, GraphQLSchema, OperationDefinitionNode, SelectionSetNode
} from 'graphql'
import { HasuraFault } from '../fault.ts'

interface Selected { name: string, parent: GraphQLObjectType, path: string }

/** Every field that a selection asks for, fragments included, with its path as Hasura writes it. */
function* fieldsOf (
  { selections }: SelectionSetNode, parent: GraphQLObjectType, fragments: FragmentDefinitionNode[], path = '$'
): Generator<Selected> {
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const selected = { name: selection.name.value, parent, path: `${path}.selectionSet.${selection.name.value}` }
      yield selected
      const field = parent.getFields()[selected.name]
      const type = field && getNamedType(field.type)
      if (selection.selectionSet === undefined || !isObjectType(type)) continue
      yield* fieldsOf(selection.selectionSet, type, fragments, selected.path)
    } else if (selection.kind === Kind.INLINE_FRAGMENT) {
      yield* fieldsOf(selection.selectionSet, parent, fragments, path)
    } else {
      const fragment = fragments.find(({ name }) => name.value === selection.name.value)
      // Without the fragment itself, which a cycle would come back to.
      const others = fragments.filter(other => other !== fragment)
      if (fragment !== undefined) yield* fieldsOf(fragment.selectionSet, parent, others, path)
    }
  }
}

function rootOf (schema: GraphQLSchema, { operation }: OperationDefinitionNode): GraphQLObjectType {
  if (operation === OperationTypeNode.SUBSCRIPTION) {
    throw new HasuraFault('unexpected-payload', 'subscriptions are not supported over HTTP, use websockets instead')
  }
  const root = schema.getRootType(operation)
  if (root) return root
  throw new HasuraFault('validation-failed', 'no mutations exist')
}

export interface Operation { document: DocumentNode, kind: 'query' | 'mutation' | 'subscription', rootFields: string[] }

/**
 * Parses a client's document and holds it against the schema of its role.
 *
 * @throws HasuraFault for what the schema does not have; for other mistakes it carries the message of graphql-js
 */
export function readOperation (schema: GraphQLSchema, query: string, operationName: string | null): Operation {
  let document: DocumentNode
  try {
    document = parse(query)
  } catch {
    throw new HasuraFault('validation-failed', 'not a valid graphql query', '$.query')
  }
  const operation = getOperationAST(document, operationName)
  if (!operation) {
    throw new HasuraFault('validation-failed', 'exactly one operation has to be present in the document')
  }
  const fragments = document.definitions.filter(node => node.kind === Kind.FRAGMENT_DEFINITION)
  const fields = [...fieldsOf(operation.selectionSet, rootOf(schema, operation), fragments)]
  for (const { name, parent, path } of fields) {
    if (name.startsWith('__') || Object.hasOwn(parent.getFields(), name)) continue
    throw new HasuraFault('validation-failed', `field '${name}' not found in type: '${parent.name}'`, path)
  }
  const [error] = validate(schema, document)
  if (error !== undefined) throw new HasuraFault('validation-failed', error.message)
  const root = rootOf(schema, operation)
  const rootFields = fields.filter(({ parent }) => parent === root).map(({ name }) => name)
  return { document, kind: operation.operation, rootFields }
}
