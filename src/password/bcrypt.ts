import type { VerifyPassword } from './stored-hash.ts'
import { onThread } from './threads.ts'

/** Bytes of a password beyond which bcrypt looks at none: two long ones would be the same. */
const longestPassword = 72

/** bcrypt in its three spellings, `$2a$`, `$2b$` and `$2y$`, up to cost 14. */
export function readBcrypt (storedHash: string): VerifyPassword | undefined {
  const cost = Number(/^\$2[aby]\$(\d{2})\$[\w./]{53}$/.exec(storedHash)?.[1])
  if (!(cost >= 4 && cost <= 14)) return undefined
  return async (password) => {
    // Verified all the same, so that the time of a login does not tell what kind of hash is stored.
    const matches = await onThread('verifyBcrypt', password, storedHash)
    // bcrypt repeats its key with a NUL between: a hash of "P" is one of "P\0P", too.
    return matches && Buffer.byteLength(password) <= longestPassword && !password.includes('\0')
  }
}
