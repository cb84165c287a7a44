import { ActionError } from '../errors.ts'
import { countCodePoints, toNfc } from '../nfc.ts'

/** Bounds in code points. NIST SP 800-63B-4, section 3.1.1.2: the upper one must be 64 or more. */
const minLength = 8
const maxLength = 256

/**
 * The one form of a password that is hashed and verified: NFC. Nothing else is changed.
 *
 * @returns undefined if the password is too long
 * @throws ActionError `validation-failed` if it is malformed
 */
function compose (input: string, field: string): string | undefined {
  const password = toNfc(input, maxLength)
  if (password?.isWellFormed() === false) throw new ActionError('validation-failed', `${field} must be well-formed Unicode`)
  return password
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
