import { readArgon2 } from './argon2.ts'
import { readBcrypt } from './bcrypt.ts'
import { readScrypt } from './scrypt.ts'

export type VerifyPassword = (password: string) => Promise<boolean>

/**
 * Reads a stored hash before anything is run. The libraries run whatever a hash asks for, and 4 GiB take most of a
 * minute: whoever can write one row could stop the service.
 *
 * @returns what verifies a password against it, off the event loop; undefined where it is malformed, of an unknown
 *   algorithm, or asks for more than this service runs
 */
export function readStoredHash (storedHash: string): VerifyPassword | undefined {
  return readArgon2(storedHash) ?? readBcrypt(storedHash) ?? readScrypt(storedHash)
}
