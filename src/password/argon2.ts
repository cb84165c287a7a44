import type { VerifyPassword } from './stored-hash.ts'
import { onThread } from './threads.ts'

/** The PHC string format, with the parameters in any order. */
const format = /^\$argon2(?:id|i|d)\$v=\d{2}\$([mtp]=\d{1,7}(?:,[mtp]=\d{1,7}){2})\$[\w+/]+\$[\w+/]+$/

/** Argon2i, Argon2d and Argon2id (RFC 9106) with up to 256 MiB, m × t of 1048576, and 16 lanes. */
export function readArgon2 (storedHash: string): VerifyPassword | undefined {
  const parameters = format.exec(storedHash)?.[1]
  if (parameters === undefined) return undefined
  const { m = NaN, t = NaN, p = NaN } = Object.fromEntries(
    parameters.split(',').map(pair => [pair.charAt(0), Number(pair.slice(2))])
  ) as Record<string, number>
  // NaN, where a parameter is missing and another twice, is within no bound.
  if (!(m <= 262_144 && m * t <= 1_048_576 && p <= 16)) return undefined
  return async password => onThread('verifyArgon2', storedHash, password)
}
