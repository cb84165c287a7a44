import {
  getNamedType, GraphQLIncludeDirective, isObjectType, Kind, print, SchemaMetaFieldDef, TypeMetaFieldDef
} from 'graphql'
import type { DirectiveNode, FieldNode, GraphQLObjectType, SelectionNode } from 'graphql'
import type { Selected } from '../database/select.ts'
import { readArguments } from './input.ts'
import type { InputContext } from './input.ts'
import type { Operation } from './operation.ts'
import { invalidInput } from './values.ts'

/** The request whose selections are read. */
export type SelectionContext = InputContext & Pick<Operation, 'fragments'>

/** The directives that Hasura knows, by the place where they are allowed. */
const directivePlaces = { field: ['include', 'skip'], query: ['cached'], mutation: [], subscription: [] }

/** Checks that directives are allowed at a place, and that none of them is repeated. */
export function checkDirectives (
  directives: readonly DirectiveNode[], place: keyof typeof directivePlaces, path: string
): void {
  const names = directives.map(({ name }) => name.value)
  for (const name of names) {
    const [home] = Object.entries(directivePlaces).find(([, known]) => (known as string[]).includes(name)) ?? []
    if (home === undefined) throw invalidInput(`directive '${name}' is not defined in the schema`, path)
    if (home !== place) throw invalidInput(`directive '${name}' is not allowed on a ${place}`, path)
  }
  const repeated = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map(name => `'${name}'`)
  if (repeated.length > 0) {
    throw invalidInput(`the following directives are used more than once: ${repeated.join(', ')}`, path)
  }
}

/** Whether `@include` and `@skip` keep a field or a fragment in the answer. */
function isIncluded ({ directives = [] }: SelectionNode, path: string, context: SelectionContext): boolean {
  checkDirectives(directives, 'field', path)
  return directives.every(({ name: { value: name }, arguments: given }) => {
    // The arguments of both are the same.
    const { if: condition } = readArguments({ name, args: GraphQLIncludeDirective.args }, given, `${path}.${name}`, context)
    return condition === (name === 'include')
  })
}

/** The fields of a selection set without its fragments, and without what `@include` and `@skip` leave out. */
function flatten (
  selections: readonly SelectionNode[], type: GraphQLObjectType, path: string, context: SelectionContext
): FieldNode[] {
  return selections.filter(selection => isIncluded(selection, path, context)).flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection]
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : context.fragments.get(selection.name.value)
    const { typeCondition, selectionSet } = fragment ?? {}
    const isOfType = (typeCondition?.name.value ?? type.name) === type.name
    return isOfType ? flatten(selectionSet?.selections ?? [], type, path, context) : []
  })
}

function writtenArguments ({ arguments: given = [] }: FieldNode): string {
  return given.map(print).sort().join()
}

/** Merges the fields with the same name in the answer, and their selections. */
function merge (fields: FieldNode[], path: string) {
  const merged = new Map<string, { field: FieldNode, selections: SelectionNode[] }>()
  for (const field of fields) {
    const alias = field.alias?.value ?? field.name.value
    const { field: first = field, selections = [] } = merged.get(alias) ?? {}
    const [name, other] = [field.name.value, first.name.value]
    if (other !== name) {
      const message = `selection of both '${other}' and '${name}' specify the same response name, '${alias}'`
      throw invalidInput(message, path)
    }
    if (writtenArguments(first) !== writtenArguments(field)) {
      throw invalidInput(`inconsistent arguments between multiple selections of field '${name}'`, path)
    }
    merged.set(alias, { field, selections: [...selections, ...field.selectionSet?.selections ?? []] })
  }
  return merged
}

/**
 * Reads a selection set: finds its fields in the schema, and checks their arguments and what is selected below them.
 *
 * @param parent - the path of the field that it belongs to; `$` for an operation
 * @throws HasuraFault for the first mistake, with Hasura's message and path
 */
export function readSelection (
  selections: readonly SelectionNode[], type: GraphQLObjectType, parent: string, context: SelectionContext
): Selected[] {
  const path = `${parent}.selectionSet`
  if (selections.length === 0) throw invalidInput(`missing selection set for '${type.name}'`, path)
  const introspection = type === context.schema.getQueryType() ? [SchemaMetaFieldDef, TypeMetaFieldDef] : []
  const fields = merge(flatten(selections, type, path, context), path)
  return Array.from(fields, ([alias, { field, selections }]): Selected => {
    const name = field.name.value
    const selected = { alias, name, typeName: type.name, args: {}, fields: [] }
    if (name === '__typename') return selected
    const at = `${path}.${name}`
    const definition = type.getFields()[name] ?? introspection.find(field => field.name === name)
    if (definition === undefined) throw invalidInput(`field '${name}' not found in type: '${type.name}'`, at)
    const args = readArguments(definition, field.arguments, at, context)
    const output = getNamedType(definition.type)
    if (isObjectType(output)) return { ...selected, args, fields: readSelection(selections, output, at, context) }
    if (selections.length > 0) throw invalidInput('unexpected subselection set for non-object field', at)
    return { ...selected, args }
  })
}
