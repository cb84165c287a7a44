import { GraphQLBoolean, GraphQLNonNull } from 'graphql'
import type { DirectiveNode, OperationDefinitionNode } from 'graphql'
import { invalidInput } from './given.ts'
import { readFields } from './input.ts'
import type { InputContext } from './input.ts'

const condition = [{ name: 'if', type: new GraphQLNonNull(GraphQLBoolean), defaultValue: undefined, astNode: undefined }]

/** The directives that Hasura knows, by where they may stand. */
const places = { selection: ['include', 'skip'], query: ['cached'], mutation: [], subscription: [] }

function checkNames (directives: readonly DirectiveNode[], place: keyof typeof places, path: string): void {
  const names = directives.map(({ name }) => name.value)
  for (const name of names) {
    if (!Object.values(places).flat().includes(name)) throw invalidInput(`directive '${name}' is not defined in the schema`, path)
    const isAllowed = (places[place] as string[]).includes(name)
    if (!isAllowed) throw invalidInput(`directive '${name}' is not allowed on a ${place === 'selection' ? 'field' : place}`, path)
  }
  const repeated = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(name => `'${name}'`)
  if (repeated.length > 0) {
    throw invalidInput(`the following directives are used more than once: ${repeated.join(', ')}`, path)
  }
}

/** Checks the directives of an operation. None of them changes its answer. */
export function checkDirectives ({ operation, directives = [] }: OperationDefinitionNode): void {
  checkNames(directives, operation, '$')
}

/**
 * Reads the directives of a field or a fragment.
 *
 * @param path - the selection set that it is in
 * @returns whether it belongs to the answer
 */
export function isIncluded (directives: readonly DirectiveNode[], path: string, context: InputContext): boolean {
  checkNames(directives, 'selection', path)
  return directives.every(({ name: { value: name }, arguments: args = [] }) => {
    const unknown = args.find(arg => arg.name.value !== 'if')
    if (unknown) throw invalidInput(`'${name}' has no argument named '${unknown.name.value}'`, `${path}.${name}`)
    const given = new Map(args.map(arg => [arg.name.value, arg.value]))
    const { if: value } = readFields(condition, given, `${path}.${name}.args`, context)
    return value === (name === 'include')
  })
}
