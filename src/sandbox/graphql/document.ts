import { Kind, parse, visit } from 'graphql'
import type {
  ASTNode, DirectiveNode, DocumentNode, FieldNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode
} from 'graphql'
import { HasuraFault } from '../fault.ts'

/** A selection whose fragments stand where they are used. */
export type Selection = InlinedField | InlinedFragment
export interface InlinedField { kind: 'field', node: FieldNode, selections: Selection[] }
export interface InlinedFragment { kind: 'fragment', on: string | undefined, directives: readonly DirectiveNode[], selections: Selection[] }

/** The operation of a document that a request runs. */
export interface Operation {
  node: OperationDefinitionNode
  selections: Selection[]
  /** The names of the variables that it uses. */
  used: Set<string>
}

function invalid (message: string, path = '$'): HasuraFault {
  return new HasuraFault('validation-failed', message, path)
}

function findOperation (document: DocumentNode, name: string | null): OperationDefinitionNode {
  const operations = document.definitions.filter(node => node.kind === Kind.OPERATION_DEFINITION)
  if (name !== null) {
    const operation = operations.find(node => node.name?.value === name)
    if (operation === undefined) throw invalid(`no such operation found in the document: "${name}"`)
    return operation
  }
  const [operation, ...others] = operations
  if (operation !== undefined && others.length === 0) return operation
  throw invalid('exactly one operation has to be present in the document when operationName is not specified')
}

/** Puts the fragments of an operation in place of their spreads, and collects the variables that it uses. */
function inline (node: OperationDefinitionNode, fragments: FragmentDefinitionNode[]): Operation {
  const used = new Set<string>()
  const inlined = new Map<string, Selection[]>()
  const collect = (nodes: readonly ASTNode[] = []): void => {
    for (const node of nodes) visit(node, { Variable: ({ name }) => { used.add(name.value) } })
  }

  const inlineFragment = (name: string, path: string, stack: string[]): Selection[] => {
    const known = inlined.get(name)
    if (known !== undefined) return known
    if (stack.includes(name)) {
      const cycle = new Intl.ListFormat('en').format(stack.slice(stack.indexOf(name)))
      throw invalid(`the fragment definition(s) ${cycle} form a cycle`, path)
    }
    const fragment = fragments.find(fragment => fragment.name.value === name)
    if (fragment === undefined) throw invalid(`reference to undefined fragment "${name}"`, path)
    const selections = inlineSelections(fragment.selectionSet, `${path}.${name}`, [...stack, name])
    inlined.set(name, [{ kind: 'fragment', on: fragment.typeCondition.name.value, directives: [], selections }])
    return inlineFragment(name, path, stack)
  }

  const inlineSelections = (set: SelectionSetNode | undefined, parent: string, stack: string[]): Selection[] => {
    const path = `${parent}.selectionSet`
    return (set?.selections ?? []).map((node): Selection => {
      collect(node.directives)
      const directives = node.directives ?? []
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        return { kind: 'fragment', on: undefined, directives, selections: inlineFragment(node.name.value, path, stack) }
      }
      if (node.kind === Kind.INLINE_FRAGMENT) {
        const selections = inlineSelections(node.selectionSet, parent, stack)
        return { kind: 'fragment', on: node.typeCondition?.name.value, directives, selections }
      }
      collect(node.arguments)
      return { kind: 'field', node, selections: inlineSelections(node.selectionSet, `${path}.${node.name.value}`, stack) }
    })
  }

  collect(node.directives)
  return { node, selections: inlineSelections(node.selectionSet, '$', []), used }
}

/**
 * Parses a client's document.
 *
 * @throws HasuraFault if it does not parse, does not have the operation, or its fragments do not fit together
 */
export function readDocument (query: string, operationName: string | null): Operation {
  let document: DocumentNode
  try {
    document = parse(query, { noLocation: true })
  } catch {
    throw invalid('not a valid graphql query', '$.query')
  }
  const fragments = document.definitions.filter(node => node.kind === Kind.FRAGMENT_DEFINITION)
  return inline(findOperation(document, operationName), fragments)
}
