import { z } from 'zod'
import { prune } from './prune.ts'

/** Whether a value is empty. Hasura's export also writes settings that were never set. */
export function isEmpty (value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEmpty)
  return value === undefined || value === null || value === false || value === ''
}

/** The schema of an object with these keys; others must be empty. */
export function objectOf<Shape extends z.ZodRawShape> (shape: Shape) {
  return z.preprocess((value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    const isKept = ([key, item]: [string, unknown]): boolean => Object.hasOwn(shape, key) || !isEmpty(item)
    return Object.fromEntries(Object.entries(value).filter(isKept))
  }, z.strictObject(shape))
}

/**
 * Checks metadata against a schema.
 *
 * @param skipped - receives what the sandbox does not know, which is then left out where it is not part of a permission
 * @throws Error that names the first key that the sandbox does not support: ignoring it would give wrong answers
 */
export function checkMetadata<T extends z.ZodType> (
  schema: T, value: unknown, file: string, skipped?: string[]
): z.output<T> {
  const known = skipped === undefined ? value : prune(schema, value, file, skipped)
  const { success, data, error } = schema.safeParse(known)
  if (success) return data
  // Unknown keys come first: a misspelt key is also a missing one.
  const issue = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0]
  const where = [file, ...issue?.path ?? []].join(': ')
  if (issue?.code === 'unrecognized_keys') {
    throw new Error(`The sandbox does not support "${String(issue.keys[0])}" in ${where}`)
  }
  throw new Error(`The sandbox does not support ${where}: ${issue?.message ?? 'invalid'}`)
}
