import { ActionError } from '../errors.ts'

/** Bounds in code points. NIST SP 800-63B-4, section 3.1.1.2: the upper one must be 64 or more. */
const minLength = 8
const maxLength = 256

/**
 * Maximum ratio of code points in the input to code points in the result: NFC composes at most four into one (UAX #15,
 * table of expansion factors). Longer input is refused before it is normalised, because the time of `normalize` grows
 * with the square of a run of combining marks.
 */
const maxDensity = 4

function countCodePoints (text: string): number {
  return Array.from(text).length
}

/**
 * The one form of a password that is hashed and verified: NFC. Nothing else is changed.
 *
 * @returns undefined if the password is too long
 * @throws ActionError `validation-failed` if it is malformed
 */
function compose (input: string, field: string): string | undefined {
  if (countCodePoints(input) > maxLength * maxDensity) return undefined
  if (!input.isWellFormed()) throw new ActionError('validation-failed', `${field} must be well-formed Unicode`)
  const password = input.normalize('NFC')
  return countCodePoints(password) > maxLength ? undefined : password
}

/**
 * Normalises the password of a user that exists. Its length has no lower bound: a short one is just wrong.
 *
 * @throws ActionError `validation-failed` if it is malformed or too long
 */
export function normalizePassword (input: string, field = 'input.password'): string {
  const password = compose(input, field)
  if (password !== undefined) return password
  throw new ActionError('validation-failed', `${field} must have at most ${maxLength} characters`)
}

/**
 * Normalises a password that a user chooses. There are no composition rules (NIST SP 800-63B-4, section 3.1.1.2).
 *
 * @throws ActionError `validation-failed` if it is malformed; `weak-password`, whose message names the rule
 */
export function normalizeNewPassword (input: string, field = 'input.password'): string {
  const password = compose(input, field)
  if (password === undefined) {
    throw new ActionError('weak-password', `The password must have at most ${maxLength} characters`)
  }
  if (countCodePoints(password) < minLength) {
    throw new ActionError('weak-password', `The password must have at least ${minLength} characters`)
  }
  return password
}
