import { isLosslessNumber, parse, stringify } from 'lossless-json'

/** A JSON object. */
export type Json = Record<string, unknown>

/** Returns the name that Hasura's JSON parser has for the type of a JSON value. */
export function jsonType (value: unknown): string {
  if (value === null) return 'Null'
  if (Array.isArray(value)) return 'Array'
  if (isLosslessNumber(value)) return 'Number'
  return { string: 'String', number: 'Number', boolean: 'Boolean' }[typeof value as string] ?? 'Object'
}

/** Says in the words of Hasura's JSON parser that a value has another type; undefined if it has the expected one. */
export function typeMistake (value: unknown, expected: string, parser: string): string | undefined {
  const found = jsonType(value)
  return found === expected ? undefined : `parsing ${parser} failed, expected ${expected}, but encountered ${found}`
}

/** Refuses half of a surrogate pair. JSON can escape one, but it is not valid Unicode. */
function refuseHalfPair (key: string, value: unknown): unknown {
  if (key.isWellFormed() && (typeof value !== 'string' || value.isWellFormed())) return value
  throw new SyntaxError('half of a surrogate pair')
}

/**
 * Parses JSON as Hasura does: numbers keep all their digits, and of two equal keys the first one counts.
 *
 * @throws SyntaxError. Its message ends with "at position" and a number, except for half of a surrogate pair
 */
export function parseJson (text: string): unknown {
  return parse(text, refuseHalfPair, { onDuplicateKey: ({ oldValue }) => oldValue })
}

/** Returns the object in a JSON text, with native numbers; undefined if the text is not an object. */
export function parseObject (text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return jsonType(value) === 'Object' ? value as Json : undefined
  } catch {
    return undefined
  }
}

/** Writes JSON. Numbers that were parsed by `parseJson` keep all their digits. */
export function writeJson (value: unknown): string {
  return stringify(value) ?? 'null'
}
