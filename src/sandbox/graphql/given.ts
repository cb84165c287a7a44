import { Kind } from 'graphql'
import type { GraphQLType, ValueNode } from 'graphql'
import { LosslessNumber } from 'lossless-json'
import { HasuraFault } from '../fault.ts'
import { jsonType } from '../json.ts'

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

/** The fault of a request that does not fit the schema. */
export function invalidInput (message: string, path = '$'): HasuraFault {
  return new HasuraFault('validation-failed', message, path)
}

/** Refuses a value of a wrong kind. */
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

/** The elements of a list, or undefined if the value is not a list. */
export function elementsOf (given: Given): Given[] | undefined {
  if (given.kind === Kind.LIST) return [...given.values]
  if (given.kind !== 'JSON' || !Array.isArray(given.value)) return undefined
  return given.value.map((value: unknown) => ({ kind: 'JSON', value }))
}

/** The fields of an object, or undefined if the value is not an object. */
export function fieldsOf (given: Given): Map<string, Given> | undefined {
  if (given.kind === Kind.OBJECT) return new Map(given.fields.map(({ name, value }) => [name.value, value]))
  if (given.kind !== 'JSON' || jsonType(given.value) !== 'Object') return undefined
  return new Map(Object.entries(Object(given.value) as object).map(([name, value]: [string, unknown]) => (
    [name, { kind: 'JSON', value }]
  )))
}
