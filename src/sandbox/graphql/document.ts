import { Kind, parse, visit } from 'graphql'
import type { DocumentNode, FragmentDefinitionNode, OperationDefinitionNode } from 'graphql'
import { invalidInput } from './given.ts'

/** The operation of a document that a request runs. */
export interface Operation {
  node: OperationDefinitionNode
  fragments: Map<string, FragmentDefinitionNode>
  /** The names of the variables that it uses. */
  used: Set<string>
}

function findOperation (document: DocumentNode, name: string | null): OperationDefinitionNode {
  const [operation, ...others] = document.definitions.filter(node => node.kind === Kind.OPERATION_DEFINITION)
    .filter(node => name === null || node.name?.value === name)
  if (operation === undefined && name !== null) throw invalidInput(`no such operation found in the document: "${name}"`)
  if (operation !== undefined && (others.length === 0 || name !== null)) return operation
  throw invalidInput('exactly one operation has to be present in the document when operationName is not specified')
}

/**
 * Collects the variables that an operation uses, also in its fragments.
 *
 * @throws HasuraFault if a fragment is not defined or contains itself
 */
function collectVariables (operation: OperationDefinitionNode, fragments: Operation['fragments']): Set<string> {
  const used = new Set<string>()
  const visited = new Set<string>()
  /** `path` has the names of the fields and fragments above, `stack` those of the fragments alone. */
  const collect = (node: OperationDefinitionNode | FragmentDefinitionNode, path: string[], stack: string[]): void => {
    visit(node, {
      VariableDefinition: () => false,
      Variable: ({ name }) => { used.add(name.value) },
      Field: { enter: ({ name }) => { path.push(name.value) }, leave: () => { path.pop() } },
      FragmentSpread: ({ name: { value: name } }) => {
        const at = `${['$', ...path].join('.selectionSet.')}.selectionSet`
        if (stack.includes(name)) {
          const cycle = new Intl.ListFormat('en').format(stack.slice(stack.indexOf(name)))
          throw invalidInput(`the fragment definition(s) ${cycle} form a cycle`, at)
        }
        const fragment = fragments.get(name)
        if (fragment === undefined) throw invalidInput(`reference to undefined fragment "${name}"`, at)
        if (!visited.has(name)) collect(fragment, [...path, name], [...stack, name])
        visited.add(name)
      }
    })
  }
  collect(operation, [], [])
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
    throw invalidInput('not a valid graphql query', '$.query')
  }
  const node = findOperation(document, operationName)
  const fragments = new Map(document.definitions.filter(node => node.kind === Kind.FRAGMENT_DEFINITION)
    .map(fragment => [fragment.name.value, fragment]))
  return { node, fragments, used: collectVariables(node, fragments) }
}
