import { getOperationAST, Kind, parse, print, typeFromAST, visit } from 'graphql'
import type { DocumentNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode } from 'graphql'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import { invalidInput, isNull } from './values.ts'
import type { Given, Variables } from './values.ts'

/** The operation of a document that a request runs. */
export interface Operation {
  node: OperationDefinitionNode
  fragments: Map<string, FragmentDefinitionNode>
  /** The names of the variables that it uses. */
  used: Set<string>
}

/**
 * Collects the variables that an operation and its fragments use.
 *
 * @throws HasuraFault if a fragment is not defined or contains itself
 */
function collectVariables (operation: OperationDefinitionNode, fragments: Operation['fragments']): Set<string> {
  const used = new Set<string>()
  /** `path` has the names of the fields and fragments above, `stack` only those of the fragments. */
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
        collect(fragment, [...path, name], [...stack, name])
      }
    })
  }
  collect(operation, [], [])
  return used
}

/**
 * Parses a client's document.
 *
 * @throws HasuraFault if it is not valid, if the operation is not in it, or if a fragment is missing or contains itself
 */
export function readOperation (query: string, name: string | null): Operation {
  let document: DocumentNode
  try {
    document = parse(query, { noLocation: true })
  } catch {
    throw invalidInput('not a valid graphql query', '$.query')
  }
  const node = getOperationAST(document, name)
  if (!node) {
    throw invalidInput(name === null
      ? 'exactly one operation has to be present in the document when operationName is not specified'
      : `no such operation found in the document: "${name}"`)
  }
  const fragments = new Map(document.definitions.filter(node => node.kind === Kind.FRAGMENT_DEFINITION)
    .map(fragment => [fragment.name.value, fragment]))
  return { node, fragments, used: collectVariables(node, fragments) }
}

/**
 * Finds the value of every variable that an operation declares. A variable without a value or a default is null.
 *
 * @param values - the variables of the request
 * @throws HasuraFault if a value is missing, or belongs to a variable that the operation does not declare or use
 */
export function readVariables (schema: GraphQLSchema, { node, used }: Operation, values: Json): Variables {
  const variables: Variables = new Map()
  for (const { variable, type, defaultValue } of node.variableDefinitions ?? []) {
    const name = variable.name.value
    const declared = print(type)
    if (variables.has(name)) throw new HasuraFault('parse-failed', `multiple definitions for variable "${name}"`)
    const given: Given | undefined = Object.hasOwn(values, name) ? { kind: 'JSON', value: values[name] } : defaultValue
    if (type.kind === Kind.NON_NULL_TYPE) {
      if (given === undefined) throw invalidInput(`expecting a value for non-nullable variable: "${name}"`)
      if (isNull(given)) throw invalidInput(`null value found for non-nullable type: "${declared}"`)
    }
    variables.set(name, {
      declared,
      type: typeFromAST(schema, type),
      hasDefault: defaultValue !== undefined && defaultValue.kind !== Kind.NULL,
      value: given ?? { kind: Kind.NULL }
    })
  }
  const unbound = [...used].find(name => !variables.has(name))
  if (unbound !== undefined) throw invalidInput(`unbound variable "${unbound}"`)
  const unexpected = Object.keys(values).filter(name => !used.has(name))
  if (unexpected.length > 0) throw invalidInput(`unexpected variables in variableValues: ${unexpected.join(', ')}`)
  return variables
}
