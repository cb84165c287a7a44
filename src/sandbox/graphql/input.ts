import {
  getNamedType, getNullableType, isEnumType, isInputObjectType, isListType, isNonNullType, isTypeSubTypeOf, Kind
} from 'graphql'
import type {
  ArgumentNode, GraphQLArgument, GraphQLEnumType, GraphQLInputField, GraphQLInputObjectType, GraphQLInputType,
  GraphQLSchema
} from 'graphql'
import type { Json } from '../json.ts'
import {
  elementsOf, fieldsOf, invalidInput, isNull, mismatch, readColumn, readLimit, readOffset, readScalar
} from './values.ts'
import type { Given, Variables } from './values.ts'

/** The request whose input is read. */
export interface InputContext { schema: GraphQLSchema, variables: Variables }

type Definition = GraphQLArgument | GraphQLInputField

/** GraphQL specification, section 5.8.5: a nullable variable fits a non-null place if one of them has a default. */
function resolveVariable (
  given: Given, type: GraphQLInputType, hasDefault: boolean, path: string, { schema, variables }: InputContext
): Given {
  if (given.kind !== Kind.VARIABLE) return given
  const name = given.name.value
  const variable = variables.get(name)
  const place = hasDefault || variable?.hasDefault ? getNullableType(type) : type
  if (variable?.type !== undefined && isTypeSubTypeOf(schema, variable.type, place)) return variable.value
  const declared = String(variable?.declared)
  throw invalidInput(`variable '${name}' is declared as '${declared}', but used where '${type.toString()}' is expected`, path)
}

/** Reads a list; a single value is a list of one. */
function readList (
  given: Given, item: GraphQLInputType, reader: string | undefined, path: string, context: InputContext
): unknown[] {
  if (isNull(given)) throw invalidInput('expected a list, but found null', path)
  return (elementsOf(given) ?? [given]).map((element, index) => {
    const at = `${path}[${index}]`
    const resolved = resolveVariable(element, item, false, at, context)
    return isNull(resolved) && !isNonNullType(item) ? null : readValue(resolved, item, reader, at, context)
  })
}

function readObject (given: Given, type: GraphQLInputObjectType, path: string, context: InputContext): Json {
  const fields = fieldsOf(given)
  if (fields === undefined) throw mismatch(given, 'an object', type.name, path)
  const definitions = type.getFields()
  const unknown = [...fields.keys()].find(name => !Object.hasOwn(definitions, name))
  if (unknown !== undefined) throw invalidInput(`field '${unknown}' not found in type: '${type.name}'`, `${path}.${unknown}`)
  return readFields(Object.values(definitions), fields, path, context)
}

function readEnum (given: Given, type: GraphQLEnumType, path: string): string {
  const isName = given.kind === Kind.ENUM || (given.kind === 'JSON' && typeof given.value === 'string')
  if (!isName) throw mismatch(given, 'an enum value', type.name, path)
  const name = String(given.value)
  if (type.getValue(name)) return name
  const names = type.getValues().map(({ name }) => `'${name}'`).join(', ')
  throw invalidInput(`expected one of the values [${names}] for type '${type.name}', but found '${name}'`, path)
}

/**
 * Checks a value and turns it into JSON.
 *
 * @param reader - the argument of `@read` in our SDL, if the type does not say enough: see `tableSdl`
 */
function readValue (
  given: Given, type: GraphQLInputType, reader: string | undefined, path: string, context: InputContext
): unknown {
  if (reader === 'limit') return readLimit(given, path)
  if (reader === 'offset') return readOffset(given, path)
  const isColumn = reader !== undefined && !reader.startsWith('[')
  if (isColumn) return readColumn(reader, getNamedType(type).name, given, path, context.variables)
  const nullable = getNullableType(type)
  if (isListType(nullable)) return readList(given, nullable.ofType, reader?.slice(1, -1), path, context)
  if (isInputObjectType(nullable)) return readObject(given, nullable, path, context)
  if (isEnumType(nullable)) return readEnum(given, nullable, path)
  return readScalar(nullable.name, given, path, context.variables)
}

/** Reads arguments, or the fields of an input object. */
function readFields (
  definitions: readonly Definition[], fields: ReadonlyMap<string, Given>, path: string, context: InputContext
): Json {
  const read: Json = {}
  for (const definition of definitions) {
    const { name, type, defaultValue, astNode } = definition
    const given = fields.get(name)
    const at = `${path}.${name}`
    if (given === undefined) {
      if (defaultValue !== undefined) read[name] = defaultValue
      else if (isNonNullType(type)) throw invalidInput(`missing required field '${name}'`, at)
      continue
    }
    const hints = new Map(astNode?.directives?.map(({ name, arguments: args }) => [name.value, args?.[0]?.value]))
    const acceptsNull = !isNonNullType(type) && !hints.has('notNull')
    const as = hints.get('read')
    const reader = as?.kind === Kind.STRING ? as.value : undefined
    const resolved = resolveVariable(given, type, defaultValue !== undefined, at, context)
    read[name] = isNull(resolved) && acceptsNull ? null : readValue(resolved, type, reader, at, context)
  }
  return read
}

/**
 * Reads the arguments of a field or a directive.
 *
 * @throws HasuraFault for the first argument that does not fit its definition
 */
export function readArguments (
  { name, args }: { name: string, args: readonly Definition[] }, given: readonly ArgumentNode[] | undefined,
  path: string, context: InputContext
): Json {
  const fields = new Map((given ?? []).map(({ name, value }) => [name.value, value]))
  const unknown = [...fields.keys()].find(key => !args.some(({ name }) => name === key))
  if (unknown !== undefined) throw invalidInput(`'${name}' has no argument named '${unknown}'`, path)
  return readFields(args, fields, `${path}.args`, context)
}
