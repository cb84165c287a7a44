import { ActionError } from './errors.ts'

/** RFC 5321, section 4.5.3.1.3: a path is 256 octets with its angle brackets, so an address has at most 254. */
const longestEmail = 254

/**
 * The one spelling of an email under which a user is stored and found: trimmed, NFC, lower case.
 *
 * @throws ActionError `validation-failed`
 */
export function normalizeEmail (input: string): string {
  const email = input.trim().normalize('NFC').toLowerCase()
  const wellFormed = email.isWellFormed() && /^[^@]+@[^@]+$/.test(email) && !/[\s\p{Cc}\p{Z}]/u.test(email)
  if (!wellFormed) throw new ActionError('validation-failed', 'input.email must be an email address')
  if (Array.from(email).length <= longestEmail) return email
  throw new ActionError('validation-failed', `input.email must have at most ${longestEmail} characters`)
}
