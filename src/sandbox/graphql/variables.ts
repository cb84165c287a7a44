import { Kind, print, typeFromAST } from 'graphql'
import type { GraphQLSchema } from 'graphql'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import type { Operation } from './document.ts'
import { invalidInput, isNull } from './given.ts'
import type { Given, Variables } from './given.ts'

/**
 * Finds the value of every variable that an operation declares. One without a value and a default is null.
 *
 * @param values - the variables of the request
 * @throws HasuraFault if values are missing, or are there for variables that it does not declare or use
 */
export function readVariables (schema: GraphQLSchema, { node, used }: Operation, values: Json): Variables {
  const variables: Variables = new Map()
  for (const { variable, type, defaultValue } of node.variableDefinitions ?? []) {
    const name = variable.name.value
    const declared = print(type)
    if (variables.has(name)) throw new HasuraFault('parse-failed', `multiple definitions for variable "${name}"`)
    const given: Given | undefined = Object.hasOwn(values, name) ? { kind: 'JSON', value: values[name] } : defaultValue
    if (type.kind === Kind.NON_NULL_TYPE) {
      if (given === undefined) throw invalidInput(`expecting a value for non-nullable variable: "${name}"`, '$')
      if (isNull(given)) throw invalidInput(`null value found for non-nullable type: "${declared}"`, '$')
    }
    variables.set(name, {
      declared,
      type: typeFromAST(schema, type),
      hasDefault: defaultValue !== undefined && defaultValue.kind !== Kind.NULL,
      value: given ?? { kind: Kind.NULL }
    })
  }
  const unbound = [...used].find(name => !variables.has(name))
  if (unbound !== undefined) throw invalidInput(`unbound variable "${unbound}"`, '$')
  const unexpected = Object.keys(values).filter(name => !used.has(name))
  if (unexpected.length > 0) throw invalidInput(`unexpected variables in variableValues: ${unexpected.join(', ')}`, '$')
  return variables
}
