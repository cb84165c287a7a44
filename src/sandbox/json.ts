/** A JSON object. */
export type Json = Record<string, unknown>

/** Returns the name that Hasura's JSON parser has for the type of a JSON value. */
export function jsonType (value: unknown): string {
  if (value === null) return 'Null'
  if (Array.isArray(value)) return 'Array'
  return { string: 'String', number: 'Number', boolean: 'Boolean' }[typeof value as string] ?? 'Object'
}
