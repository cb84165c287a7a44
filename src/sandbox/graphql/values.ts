import { Kind } from 'graphql'
import type { GraphQLType, ValueNode } from 'graphql'
import { isLosslessNumber, LosslessNumber } from 'lossless-json'
import { HasuraFault, parseFailed, requireType } from '../fault.ts'
import { jsonType } from '../json.ts'
import type { Json } from '../json.ts'

/** A value that a client gives: a literal of the document, or JSON from the variables. */
export type Given = ValueNode | { kind: 'JSON', value: unknown }

/** A variable that the operation declares, with its value. */
export interface Variable { declared: string, type: GraphQLType | undefined, hasDefault: boolean, value: Given }
export type Variables = Map<string, Variable>

/** The names of the kinds of literals and of JSON in Hasura's messages. */
const kindNames: Record<string, string> = {
  [Kind.INT]: 'an integer', [Kind.FLOAT]: 'a float', [Kind.STRING]: 'a string', [Kind.BOOLEAN]: 'a boolean',
  [Kind.NULL]: 'null', [Kind.ENUM]: 'an enum value', [Kind.LIST]: 'a list', [Kind.OBJECT]: 'an object',
  Number: 'a number', String: 'a string', Boolean: 'a boolean', Null: 'null', Array: 'a list', Object: 'an object'
}

/** Returns the fault of a request that does not fit the schema. */
export function invalidInput (message: string, path = '$'): HasuraFault {
  return new HasuraFault('validation-failed', message, path)
}

/** Returns the fault of a value of the wrong kind. */
export function mismatch (given: Given, expected: string, typeName: string, path: string): HasuraFault {
  const found = kindNames[given.kind === 'JSON' ? jsonType(given.value) : given.kind]
  return invalidInput(`expected ${expected} for type '${typeName}', but found ${String(found)}`, path)
}

export function isNull (given: Given): boolean {
  return given.kind === Kind.NULL || (given.kind === 'JSON' && given.value === null)
}

/** Turns a value into JSON, in which numbers keep their digits. A variable inside a literal becomes its value. */
export function toJson (given: Given, variables: Variables): unknown {
  switch (given.kind) {
    case 'JSON': return given.value
    case Kind.NULL: return null
    case Kind.INT: case Kind.FLOAT: return new LosslessNumber(given.value)
    case Kind.STRING: case Kind.BOOLEAN: case Kind.ENUM: return given.value
    case Kind.LIST: return given.values.map(value => toJson(value, variables))
    case Kind.OBJECT:
      return Object.fromEntries(given.fields.map(({ name, value }) => [name.value, toJson(value, variables)]))
    case Kind.VARIABLE: {
      const variable = variables.get(given.name.value)
      return variable && toJson(variable.value, variables)
    }
  }
}

const fromJson = (value: unknown): Given => ({ kind: 'JSON', value })

/** The elements of a list, or undefined if the value is not a list. */
export function elementsOf (given: Given): Given[] | undefined {
  if (given.kind === Kind.LIST) return [...given.values]
  return given.kind === 'JSON' && Array.isArray(given.value) ? given.value.map(fromJson) : undefined
}

/** The fields of an object, or undefined if the value is not an object. */
export function fieldsOf (given: Given): Map<string, Given> | undefined {
  if (given.kind === Kind.OBJECT) return new Map(given.fields.map(({ name, value }) => [name.value, value]))
  if (given.kind !== 'JSON' || jsonType(given.value) !== 'Object') return undefined
  return new Map(Object.entries(given.value as Json).map(([name, value]) => [name, fromJson(value)]))
}

/** A number as Hasura writes it in messages: 15.0, 2.147483648e9. */
function scientific (number: number): string {
  const isShort = number === 0 || (Math.abs(number) >= 0.1 && Math.abs(number) < 1e7)
  if (isShort) return Number.isInteger(number) ? number.toFixed(1) : String(number)
  const [mantissa = '', exponent = ''] = number.toExponential().split('e')
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}e${exponent.replace('+', '')}`
}

/** Reads a number as an integer of a given number of bits: 2, 2.0 and 2e0 are the same. */
function toInteger (digits: string, bits: number, path: string): bigint {
  const number = Number(digits)
  const bound = 2n ** BigInt(bits - 1)
  const integer = /^-?\d+$/.test(digits) ? BigInt(digits) : Number.isInteger(number) ? BigInt(number) : bound
  if (integer >= -bound && integer < bound) return integer
  throw parseFailed(`The value ${scientific(number)} lies outside the bounds or is not an integer. `
    + 'Maybe it is a float, or is there integer overflow?', path)
}

/** The digits of a number in JSON or of an integer literal; undefined for everything else. */
function digitsOf (given: Given): string | undefined {
  if (given.kind === Kind.INT) return given.value
  return given.kind === 'JSON' && isLosslessNumber(given.value) ? given.value.value : undefined
}

/** Reads a `limit`. */
export function readLimit (given: Given, path: string): number {
  const digits = digitsOf(given)
  if (digits === undefined || digits.startsWith('-')) throw mismatch(given, 'a non-negative 32-bit integer', 'Int', path)
  return Number(toInteger(digits, 32, path))
}

/** Reads an `offset`, which has 64 bits and may be a string. */
export function readOffset (given: Given, path: string): bigint {
  const text = 'value' in given && typeof given.value === 'string' ? /^\d+$/.exec(given.value)?.[0] : undefined
  const digits = text ?? digitsOf(given)
  if (digits !== undefined) return toInteger(digits, 64, path)
  throw mismatch(given, 'a 32-bit integer, or a 64-bit integer represented as a string', 'Int', path)
}

interface Scalar { expected: string, literals: Kind[], type: string }

const scalars: Record<string, Scalar> = {
  Int: { expected: 'a 32-bit integer', literals: [Kind.INT], type: 'Number' },
  Float: { expected: 'a float', literals: [Kind.INT, Kind.FLOAT], type: 'Number' },
  String: { expected: 'a string', literals: [Kind.STRING], type: 'String' },
  ID: { expected: 'a String or a 32-bit integer', literals: [Kind.STRING], type: 'String' },
  Boolean: { expected: 'a boolean', literals: [Kind.BOOLEAN], type: 'Boolean' }
}

/**
 * Reads a scalar that belongs to no column, such as an argument of an action.
 *
 * @param name - its GraphQL type; one that GraphQL does not define takes any JSON
 */
export function readScalar (name: string, given: Given, path: string, variables: Variables): unknown {
  const scalar = scalars[name]
  if (scalar === undefined) return readColumn('json', name, given, path, variables)
  const value = toJson(given, variables)
  const digits = digitsOf(given)
  if (name === 'ID' && digits !== undefined) return digits
  const isLiteral = given.kind === 'JSON' || scalar.literals.some(kind => kind === given.kind)
  if (!isLiteral || jsonType(value) !== scalar.type) throw mismatch(given, scalar.expected, name, path)
  return name === 'Int' ? Number(toInteger(String(value), 32, path)) : value
}

const bits: Record<string, number> = { int2: 16, int4: 32, int8: 64 }
/** The PostgreSQL types that hold text. */
export const textTypes = ['text', 'varchar', 'bpchar', 'citext']
/** The PostgreSQL types that hold a number. */
export const numericTypes = [...Object.keys(bits), 'float4', 'float8', 'numeric']

/** The JSON that other types accept besides a string, and the name of Hasura's parser. */
const parsers: Record<string, [jsonType: string, parser: string]> = {
  ...Object.fromEntries(textTypes.map(type => [type, ['String', 'Text']])),
  float4: ['Number', 'Scientific'], float8: ['Number', 'Scientific'], numeric: ['Number', 'Scientific'],
  bool: ['Boolean', 'Bool']
}

/** Reads JSON for a column of a PostgreSQL type. A string fits every type, because PostgreSQL parses it. */
function toColumnValue (type: string, value: unknown, path: string): unknown {
  if (type === 'json' || type === 'jsonb' || typeof value === 'string') return value
  if (type.startsWith('_')) {
    requireType(value, 'Array', '[]', path)
    return (value as unknown[]).map((item, index) => (
      item === null ? null : toColumnValue(type.slice(1), item, `${path}[${index}]`)
    ))
  }
  const size = bits[type]
  const [expected, parser = ''] = size === undefined ? parsers[type] ?? [] : ['Number', `Int${size}`]
  if (expected === undefined) throw parseFailed(`A string is expected for type: ${type}`, path)
  requireType(value, expected, parser, path)
  return size === undefined ? value : String(toInteger(String(value), size, path))
}

/** Reads a value for a column of a PostgreSQL type. `name` is the name of its GraphQL type, for messages. */
export function readColumn (type: string, name: string, given: Given, path: string, variables: Variables): unknown {
  const value = toJson(given, variables)
  if (value === null) throw invalidInput(`unexpected null value for type '${name}'`, path)
  return toColumnValue(type, value, path)
}
