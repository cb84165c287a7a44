/** Keys as strings and indexes as numbers. */
export type Path = Array<string | number>

const step = /\.?(?:(?<name>[\p{L}_][\p{L}0-9_-]*)|\[(?:(?<index>\d+)|"(?<double>[^"\\]*)"|'(?<single>[^'\\]*)')\])/uy

/**
 * Reads a JSONPath as Hasura does: a key follows a dot, or is quoted in brackets; an index is in brackets.
 *
 * @throws Error if Hasura refuses it, or it contains an escape, which the sandbox does not support
 */
export function parsePath (text: string): Path {
  const steps = text.replace(/^\$/, '')
  if (text === '$') return []
  const path: Path = []
  step.lastIndex = 0
  do {
    const { name, index, double, single } = step.exec(steps)?.groups ?? {}
    const key = name ?? double ?? single ?? (index === undefined ? undefined : Number(index))
    if (key === undefined) throw new Error(`HASURA_GRAPHQL_JWT_SECRET: invalid JSON path ${text}`)
    path.push(key)
  } while (step.lastIndex < steps.length)
  return path
}

/** Returns the value at a path. An index leads into a list, a key into an object. */
export function lookUp (path: Path, json: unknown): unknown {
  return path.reduce((value: unknown, key) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) !== (typeof key === 'number')) return undefined
    return Object.hasOwn(value, key) ? (value as Record<string | number, unknown>)[key] : undefined
  }, json)
}
