import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

export interface Verdict {
  /** Whether the password is the one that the hash was made of. */
  matches: boolean
  /** Whether the hash was made with another algorithm or other parameters than today's. */
  needsRehash: boolean
  /** Whether the hash is malformed, of an unknown algorithm, or beyond the cost that this service runs. */
  unreadable: boolean
}

declare module 'fastify' {
  interface FastifyInstance {
    password: {
      /** Hashes with Argon2id at the configured parameters and a random salt; returns a PHC string. */
      hash: (password: string) => Promise<string>
      /**
       * Checks a password against a stored hash, off the event loop. Where there is no stored hash, or none that can
       * be read, the work of one hash at today's parameters is done all the same, so that time does not tell.
       */
      verify: (password: string, storedHash: string | undefined) => Promise<Verdict>
    }
  }
}

/** The PHC string format, with the parameters in any order. */
const phcString = /^\$argon2(?:id|i|d)\$v=\d{2}\$([mtp]=\d{1,7}(?:,[mtp]=\d{1,7}){2})\$[\w+/]+\$[\w+/]+$/

/**
 * Tells whether a stored hash is Argon2 at a cost that is safe to run. The library runs whatever a hash asks for, and
 * 4 GiB take most of a minute: whoever can write one row could stop the service.
 */
function isReadable (storedHash: string): boolean {
  const parameters = phcString.exec(storedHash)?.[1]
  if (parameters === undefined) return false
  const { m, t, p } = Object.fromEntries(parameters.split(',').map(pair => pair.split('='))) as Record<string, string>
  if (m === undefined || t === undefined || p === undefined) return false
  return Number(m) <= 262_144 && Number(m) * Number(t) <= 1_048_576 && Number(p) <= 16
}

/** `fastify.password`: hashing and verifying with Argon2id (RFC 9106) on libuv's threads. */
async function password (fastify: FastifyInstance): Promise<void> {
  const { ARGON2_MEMORY_KIB: memoryCost, ARGON2_PASSES: timeCost, ARGON2_LANES: parallelism } = fastify.config
  // Argon2id is the library's default algorithm.
  const parameters = { memoryCost, timeCost, parallelism }
  const prefix = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`
  const decoy = await hash(randomBytes(32), parameters)

  fastify.decorate('password', {
    hash: plain => hash(plain, parameters),

    async verify (plain, storedHash) {
      const none = { matches: false, needsRehash: false, unreadable: storedHash !== undefined }
      if (storedHash === undefined || !isReadable(storedHash)) {
        await verify(decoy, plain)
        return none
      }
      try {
        const matches = await verify(storedHash, plain)
        return { matches, needsRehash: !storedHash.startsWith(prefix), unreadable: false }
      } catch {
        // Well formed, and still refused by the library, which has done no work yet.
        await verify(decoy, plain)
        return none
      }
    }
  })
}

export default fp(password, { name: 'password', fastify: '5.x', dependencies: ['config'] })
