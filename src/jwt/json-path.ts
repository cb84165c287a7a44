import type { Refuse } from './key-type.ts'

/** `name`, `.name`, `[0]`, `["name"]` or `['name']`, also with a dot before the bracket. */
const element = new RegExp([
  '\\.?(?:(?<name>[\\p{L}_][\\p{L}0-9_-]*)',
  '\\[(?:(?<index>\\d+)', '"(?<double>(?:\\\\.|[^"\\\\])*)"', '\'(?<single>(?:\\\\.|[^\'\\\\])*)\')\\])'
].join('|'), 'uy')

function unquote (quoted: string): string | undefined {
  try {
    return String(JSON.parse(`"${quoted}"`))
  } catch {
    return undefined
  }
}

/**
 * Reads a JSONPath in the part of its syntax that Hasura knows, in which the `$` may be missing.
 *
 * @returns keys, and indexes as numbers; nothing for `$`; undefined where Hasura refuses the path
 */
function parseJsonPath (path: string): Array<string | number> | undefined {
  if (path === '$') return []
  const keys: Array<string | number> = []
  let position = path.startsWith('$') ? 1 : 0
  do {
    element.lastIndex = position
    const { name, index, double, single } = element.exec(path)?.groups ?? {}
    // In single quotes an escaped one is itself, and a double one needs no escape.
    const quoted = double ?? single?.replace(/\\'|"|\\./g, found => ({ '\\\'': '\'', '"': '\\"' })[found] ?? found)
    const key = name ?? (index === undefined ? quoted === undefined ? undefined : unquote(quoted) : Number(index))
    if (key === undefined) return undefined
    keys.push(key)
    position = element.lastIndex
  } while (position < path.length)
  return keys
}

/**
 * Reads a JSONPath of the configuration.
 *
 * @param name - what the path is, in a message
 * @returns keys, and indexes as numbers
 * @throws through `refuse` where Hasura refuses it
 */
export function readPath (path: unknown, name: string, refuse: Refuse): Array<string | number> {
  const keys = typeof path === 'string' ? parseJsonPath(path) : undefined
  return keys ?? refuse(`has a ${name} that is not a JSONPath: use $, $.a.b or $.a['b%']`)
}

/** @throws through `refuse` where a path leads into a list, in which this service writes nothing */
export function requireNames (keys: Array<string | number>, name: string, refuse: Refuse): string[] {
  const names = keys.filter(key => typeof key === 'string')
  if (names.length < keys.length) refuse(`has a ${name} into a list: this service writes objects`)
  return names
}

export function startsWith (keys: Array<string | number>, start: Array<string | number>): boolean {
  return start.every((key, index) => keys[index] === key)
}
