import { timingSafeEqual } from 'node:crypto'
import type { ThreadPool } from './threads.ts'

/** Verifies a password against one stored hash, on a thread of the pool. */
type VerifyPassword = (password: string, threads: ThreadPool) => Promise<boolean>

/**
 * The maximum cost of a stored hash that is run. The libraries do not limit the cost: Argon2 with 4 GiB takes most
 * of a minute, so anyone who can write one row could stop the service. At the bound a hash takes about two seconds.
 */
const maxMemoryBytes = 2 ** 28
/** Bytes of memory that are written or read. */
export const maxWorkBytes = 2 ** 30
/** Each step of cost doubles the time of bcrypt, whose memory is always 4 KiB. 14 takes about a second. */
const maxBcryptCost = 14

/** Base64 with or without padding: a salt of 8 to 64 bytes and a hash of 12 to 64. scrypt reads the salt many times. */
const saltAndHash = String.raw`\$([A-Za-z\d+/]{11,86}={0,2})\$([A-Za-z\d+/]{16,86}={0,2})$`
const argon2Format = new RegExp(
  String.raw`^\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$([mtp]=\d{1,9}(?:,[mtp]=\d{1,9}){2})${saltAndHash}`
)
const bcryptFormat = /^\$2[aby]\$(\d{2})\$[\w./]{53}$/
const scryptFormat = new RegExp(
  String.raw`^\$scrypt\$ln=([1-9]\d?),r=([1-9]\d{0,6}),p=([1-9]\d{0,6})${saltAndHash}`
)

function isAffordable (memoryBytes: number, workBytes: number): boolean {
  // A missing parameter is NaN, which is not affordable.
  return memoryBytes <= maxMemoryBytes && workBytes <= maxWorkBytes
}

/** Argon2id, Argon2i and Argon2d (RFC 9106). Without `v=` it is version 1.0, as PHC defines it. */
function readArgon2 (storedHash: string): VerifyPassword | undefined {
  const [, parameters] = argon2Format.exec(storedHash) ?? []
  if (parameters === undefined) return undefined
  const { m = NaN, t = NaN, p = NaN } = Object.fromEntries(
    parameters.split(',').map(pair => [pair.charAt(0), Number(pair.slice(2))])
  ) as Record<string, number>
  if (!isAffordable(1024 * m, 1024 * m * t) || Number.isNaN(p)) return undefined
  const unpadded = storedHash.replaceAll(/=+(?=\$|$)/g, '')
  return async (password, { call }) => call('verifyArgon2', unpadded, password)
}

/** bcrypt as `$2a$`, `$2b$` and `$2y$`. */
function readBcrypt (storedHash: string): VerifyPassword | undefined {
  const cost = Number(bcryptFormat.exec(storedHash)?.[1])
  if (!(cost >= 4 && cost <= maxBcryptCost)) return undefined
  return async (password, { call }) => {
    // Runs in any case, so that the time does not reveal what kind of hash is stored.
    const matches = await call('verifyBcrypt', password, storedHash)
    // bcrypt ignores all but 72 bytes, and repeats a shorter key after a NUL: the hash of "P" is also that of "P\0P".
    return matches && Buffer.byteLength(password) <= 72 && !password.includes('\0')
  }
}

/** scrypt (RFC 7914) as a PHC string. `ln` is the base-2 logarithm of N. */
function readScrypt (storedHash: string): VerifyPassword | undefined {
  const [, ln, r, p, salt = '', hash = ''] = scryptFormat.exec(storedHash) ?? []
  const parameters = { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
  const blockBytes = 128 * parameters.r
  // Each of the p blocks is written and read N times. Below N = 16, deriving the blocks with PBKDF2 costs more.
  const workBytes = blockBytes * parameters.p * Math.max(2 * parameters.N, 32)
  if (!isAffordable(blockBytes * (parameters.N + parameters.p), workBytes)) return undefined
  const expected = Buffer.from(hash, 'base64')
  // Node.js counts a little more memory than that.
  const options = { ...parameters, maxmem: 2 * maxMemoryBytes }
  return async (password, { call }) => {
    const derived = await call('scrypt', password, Buffer.from(salt, 'base64'), expected.length, options)
    return timingSafeEqual(derived, expected)
  }
}

/**
 * Reads a stored hash of this service or of another system.
 *
 * @returns a function that verifies a password; undefined if the hash is malformed, of an unknown
 *   algorithm, or costs more than this service runs
 */
export function readStoredHash (storedHash: string): VerifyPassword | undefined {
  return readArgon2(storedHash) ?? readBcrypt(storedHash) ?? readScrypt(storedHash)
}
