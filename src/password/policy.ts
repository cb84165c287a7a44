import { ActionError } from '../errors.ts'

/** Bounds in code points. NIST SP 800-63B-4, section 3.1.1.2: the upper one must be 64 or more. */
const shortestPassword = 8
const longestPassword = 256

function countCodePoints (text: string): number {
  return Array.from(text).length
}

/**
 * The one spelling of a password that is hashed and verified: NFC, and nothing else changed.
 *
 * @throws ActionError `validation-failed`
 */
export function normalizePassword (input: string): string {
  if (!input.isWellFormed()) throw new ActionError('validation-failed', 'input.password must be well-formed Unicode')
  return input.normalize('NFC')
}

/**
 * Refuses a password that is too long for a login.
 *
 * @throws ActionError `validation-failed`
 */
export function checkPasswordLength (password: string): void {
  if (countCodePoints(password) <= longestPassword) return
  throw new ActionError('validation-failed', `input.password must have at most ${longestPassword} characters`)
}

/**
 * Refuses a password that a new user may not have. There are no rules of composition (NIST SP 800-63B-4).
 *
 * @throws ActionError `weak-password` with the rule in its message
 */
export function checkPasswordPolicy (password: string, isCommon: (password: string) => boolean): void {
  const length = countCodePoints(password)
  if (length < shortestPassword) {
    throw new ActionError('weak-password', `The password must have at least ${shortestPassword} characters`)
  }
  if (length > longestPassword) {
    throw new ActionError('weak-password', `The password must have at most ${longestPassword} characters`)
  }
  if (!isCommon(password)) return
  throw new ActionError('weak-password', 'The password must not be a common one, nor the email or a part of it')
}
