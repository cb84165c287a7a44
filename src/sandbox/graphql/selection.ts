import { getNamedType, isObjectType, print } from 'graphql'
import type { GraphQLField, GraphQLObjectType } from 'graphql'
import type { Selected } from '../database/select.ts'
import { isIncluded } from './directives.ts'
import type { InlinedField, Selection } from './document.ts'
import { invalidInput } from './given.ts'
import { readFields } from './input.ts'
import type { InputContext } from './input.ts'
import { introspectionFields } from './introspection.ts'

/** The fields of a selection set without its fragments, and without what `@include` and `@skip` leave out. */
function flatten (
  selections: Selection[], type: GraphQLObjectType, path: string, context: InputContext
): InlinedField[] {
  return selections.flatMap((selection) => {
    const { directives = [] } = selection.kind === 'field' ? selection.node : selection
    if (!isIncluded(directives, path, context)) return []
    if (selection.kind === 'field') return [selection]
    const { on = type.name, selections } = selection
    return on === type.name ? flatten(selections, type, path, context) : []
  })
}

function argumentsOf ({ node }: InlinedField): string {
  return (node.arguments ?? []).map(print).sort().join()
}

/** Makes one field of those with the same name in the answer. */
function merge (fields: InlinedField[], path: string): Map<string, InlinedField> {
  const merged = new Map<string, InlinedField>()
  for (const field of fields) {
    const alias = field.node.alias?.value ?? field.node.name.value
    const first = merged.get(alias)
    const [name, other] = [field.node.name.value, first?.node.name.value]
    if (other !== undefined && other !== name) {
      const message = `selection of both '${other}' and '${name}' specify the same response name, '${alias}'`
      throw invalidInput(message, path)
    }
    if (first !== undefined && argumentsOf(first) !== argumentsOf(field)) {
      throw invalidInput(`inconsistent arguments between multiple selections of field '${name}'`, path)
    }
    merged.set(alias, { ...field, selections: [...first?.selections ?? [], ...field.selections] })
  }
  return merged
}

function findField (
  name: string, type: GraphQLObjectType, { schema }: InputContext
): GraphQLField<unknown, unknown> | undefined {
  const introspection = type === schema.getQueryType() ? introspectionFields : []
  return type.getFields()[name] ?? introspection.find(field => field.name === name)
}

function readArguments (
  definition: GraphQLField<unknown, unknown>, { node }: InlinedField, path: string, context: InputContext
): Selected['args'] {
  const { name, args: definitions } = definition
  const given = new Map((node.arguments ?? []).map(({ name, value }) => [name.value, value]))
  const unknown = [...given.keys()].find(key => !definitions.some(({ name }) => name === key))
  if (unknown !== undefined) throw invalidInput(`'${name}' has no argument named '${unknown}'`, path)
  return readFields(definitions, given, `${path}.args`, context)
}

/**
 * Reads a selection set: finds its fields in the schema, and checks their arguments and what is selected below them.
 *
 * @param parent - the path of the field that it belongs to; `$` for an operation
 * @throws HasuraFault for the first mistake, with Hasura's message and path
 */
export function readSelection (
  selections: Selection[], type: GraphQLObjectType, parent: string, context: InputContext
): Selected[] {
  const path = `${parent}.selectionSet`
  if (selections.length === 0) throw invalidInput(`missing selection set for '${type.name}'`, path)
  return Array.from(merge(flatten(selections, type, path, context), path), ([alias, field]): Selected => {
    const name = field.node.name.value
    const selected = { alias, name, typeName: type.name, args: {}, fields: [] }
    if (name === '__typename') return selected
    const at = `${path}.${name}`
    const definition = findField(name, type, context)
    if (definition === undefined) throw invalidInput(`field '${name}' not found in type: '${type.name}'`, at)
    const args = readArguments(definition, field, at, context)
    const output = getNamedType(definition.type)
    if (isObjectType(output)) {
      return { ...selected, args, fields: readSelection(field.selections, output, at, context) }
    }
    if (field.selections.length > 0) throw invalidInput('unexpected subselection set for non-object field', at)
    return { ...selected, args }
  })
}
