import { basename } from 'node:path'
import type { z } from 'zod'

type Path = PropertyKey[]

function valueAt (value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)[key], value)
}

/** Whether the sandbox can skip the cause of an issue. In a permission, the API would allow too much or too little. */
function isOptional ({ code, path }: z.core.$ZodIssue): boolean {
  const isInItem = path.some(key => typeof key === 'number')
  return (isInItem || code === 'unrecognized_keys') && !path.some(key => /(?:^|_)permissions$/.test(String(key)))
}

/** Removes unknown keys of the whole value or of an item in a list. Any other issue removes the item that has it. */
function remove (value: unknown, issue: z.core.$ZodIssue): string[] {
  const { path } = issue
  const last = path.findLastIndex(key => typeof key === 'number')
  if (issue.code === 'unrecognized_keys' && (last === -1 || last === path.length - 1)) {
    const object = valueAt(value, path) as Record<string, unknown>
    for (const key of issue.keys) Reflect.deleteProperty(object, key)
    return issue.keys
  }
  const list = valueAt(value, path.slice(0, last)) as Array<{ name?: string }>
  const [item] = list.splice(Number(path[last]), 1)
  return [[...path.slice(0, last), item?.name].join(' ')]
}

/**
 * Leaves out what the sandbox does not know, except in permissions: triggers, computed fields, other databases …
 *
 * @param skipped - receives what is left out, with the name of its file
 */
export function prune (schema: z.ZodType, value: unknown, file: string, skipped: string[]): unknown {
  const pruned = structuredClone(value)
  for (;;) {
    const issue = schema.safeParse(pruned).error?.issues.find(isOptional)
    if (issue === undefined) return pruned
    skipped.push(...remove(pruned, issue).map(what => `${what} (${basename(file)})`))
  }
}
