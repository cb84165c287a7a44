/** Names of members, and indexes of list elements as numbers. `$` is an empty list. */
export type JsonPath = Array<string | number>

const escape = '\\\\(?:["\'\\\\/bfnrt]|u[\\da-fA-F]{4})'

/** `name`, `.name`, `[0]`, `["name"]` or `['name']`, also with a dot before the bracket. */
const step = new RegExp([
  '\\.?(?:(?<name>[\\p{L}_][\\p{L}0-9_-]*)', '\\[(?<index>\\d+)\\]',
  `\\["(?<double>(?:[^"\\\\\\p{Cc}]|${escape})*)"\\]`, `\\['(?<single>(?:[^'\\\\\\p{Cc}]|${escape})*)'\\])`
].join('|'), 'guy')

/** JSON escapes double quotes, and not single ones. */
function unescape (text: string): string {
  const escaped = text.replace(/\\.|"/g, found => ({ '\\\'': '\'', '"': '\\"' })[found] ?? found)
  return String(JSON.parse(`"${escaped}"`))
}

/**
 * Parses a JSONPath in the syntax that Hasura supports. The `$` may be missing.
 *
 * @returns undefined if Hasura refuses the path
 */
export function parseJsonPath (path: unknown): JsonPath | undefined {
  if (path === '$') return []
  if (typeof path !== 'string') return undefined
  const text = path.replace(/^\$/, '')
  const steps = Array.from(text.matchAll(step))
  if (text === '' || steps.map(([matched]) => matched).join('') !== text) return undefined
  return steps.map(({ groups }) => {
    const { name, index, double, single }: Record<string, string | undefined> = { ...groups }
    return name ?? (index === undefined ? unescape(String(double ?? single)) : Number(index))
  })
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads the value at a path, as Hasura does; undefined if the path leads nowhere. */
export function readAt (value: unknown, [key, ...rest]: JsonPath): unknown {
  if (key === undefined) return value
  if (typeof key === 'number') return Array.isArray(value) ? readAt(value[key], rest) : undefined
  return isObject(value) && Object.hasOwn(value, key) ? readAt(value[key], rest) : undefined
}

/**
 * Writes a value at a path, and the objects that lead to it. Replaces nothing, and writes no elements of lists.
 *
 * @param object - without a prototype, so that `__proto__` is a name like any other
 */
export function writeAt (object: Record<string, unknown>, [key, ...rest]: JsonPath, value: unknown): void {
  if (typeof key !== 'string') return
  const inner: unknown = object[key] ??= rest.length === 0 ? value : Object.create(null)
  if (isObject(inner)) writeAt(inner, rest, value)
}
