import { Kind, parse, visit } from 'graphql'
import type {
  ASTNode, DocumentNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode
} from 'graphql'
import { HasuraFault } from '../fault.ts'

/** The operation of a document that a request runs. */
export interface Operation {
  node: OperationDefinitionNode
  fragments: Map<string, FragmentDefinitionNode>
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

/**
 * Collects the variables that an operation uses, also in its fragments.
 *
 * @throws HasuraFault if a fragment is not defined or contains itself
 */
function collectVariables (node: OperationDefinitionNode, fragments: Operation['fragments']): Set<string> {
  const used = new Set<string>()
  const visited = new Set<string>()
  const collect = (nodes: readonly ASTNode[] = []): void => {
    for (const node of nodes) visit(node, { Variable: ({ name }) => { used.add(name.value) } })
  }

  const visitFragment = (name: string, path: string, stack: string[]): void => {
    if (stack.includes(name)) {
      const cycle = new Intl.ListFormat('en').format(stack.slice(stack.indexOf(name)))
      throw invalid(`the fragment definition(s) ${cycle} form a cycle`, path)
    }
    const fragment = fragments.get(name)
    if (fragment === undefined) throw invalid(`reference to undefined fragment "${name}"`, path)
    if (!visited.has(name)) visitSelections(fragment.selectionSet, `${path}.${name}`, [...stack, name])
    visited.add(name)
  }
  const visitSelections = (set: SelectionSetNode | undefined, parent: string, stack: string[]): void => {
    const path = `${parent}.selectionSet`
    for (const selection of set?.selections ?? []) {
      collect(selection.directives)
      if (selection.kind === Kind.FRAGMENT_SPREAD) visitFragment(selection.name.value, path, stack)
      else if (selection.kind === Kind.INLINE_FRAGMENT) visitSelections(selection.selectionSet, parent, stack)
      else {
        collect(selection.arguments)
        visitSelections(selection.selectionSet, `${path}.${selection.name.value}`, stack)
      }
    }
  }

  collect(node.directives)
  visitSelections(node.selectionSet, '$', [])
  return used
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
  const node = findOperation(document, operationName)
  const fragments = new Map(document.definitions.filter(node => node.kind === Kind.FRAGMENT_DEFINITION)
    .map(fragment => [fragment.name.value, fragment]))
  return { node, fragments, used: collectVariables(node, fragments) }
}
