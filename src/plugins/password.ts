import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createHashQueue } from '../hashes/queue.ts'
import { readStoredHash } from '../hashes/stored-hash.ts'

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
      hash: (password: string, signal?: AbortSignal) => Promise<string>
      /**
       * Checks a password against a stored hash, off the event loop. Where there is no stored hash, or none that can
       * be read, the work of one hash at today's parameters is done all the same, so that time does not tell.
       *
       * @param password - in the spelling that this service hashes
       * @param asSent - as the client sent it, which is what another system may have hashed
       * @param signal - aborted when the caller is gone; what still waits for its turn is then not run
       */
      verify: (
        password: string, storedHash: string | undefined, asSent?: string, signal?: AbortSignal
      ) => Promise<Verdict>
    }
  }
}

/** The threads of libuv's pool, on which hashes run; more at once would only wait there instead of in our queue. */
const poolThreads = 4

/** `fastify.password`: hashing with Argon2id (RFC 9106) and verifying stored hashes, on libuv's threads. */
async function password (fastify: FastifyInstance): Promise<void> {
  const { ARGON2_MEMORY_KIB: memoryCost, ARGON2_PASSES: timeCost, ARGON2_LANES: parallelism } = fastify.config
  // Argon2id is the library's default algorithm.
  const parameters = { memoryCost, timeCost, parallelism }
  const prefix = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`
  const start = performance.now()
  const decoy = await hash(randomBytes(32), parameters)
  const { PASSWORD_CONCURRENCY: concurrency = Math.min(availableParallelism(), poolThreads) } = fastify.config
  const queue = createHashQueue(concurrency, fastify.config.PASSWORD_QUEUE_MILLISECONDS, performance.now() - start)

  async function verifyNow (plain: string, storedHash: string | undefined, asSent: string): Promise<Verdict> {
    const none = { matches: false, needsRehash: false, unreadable: storedHash !== undefined }
    const verifyStored = storedHash === undefined ? undefined : readStoredHash(storedHash)
    if (storedHash === undefined || verifyStored === undefined) {
      await verify(decoy, plain)
      return none
    }
    const needsRehash = !storedHash.startsWith(prefix)
    try {
      // Today's hashes are all of the normalized spelling; another one may come from elsewhere.
      const matches = await verifyStored(plain) || (needsRehash && asSent !== plain && await verifyStored(asSent))
      return { matches, needsRehash, unreadable: false }
    } catch {
      // Well formed, and still refused by the library, which has done no work yet.
      await verify(decoy, plain)
      return none
    }
  }

  fastify.decorate('password', {
    hash: async (plain, signal) => queue.run(async () => hash(plain, parameters), signal),
    verify: async (plain, storedHash, asSent = plain, signal?: AbortSignal) => (
      queue.run(async () => verifyNow(plain, storedHash, asSent), signal)
    )
  })
}

export default fp(password, { name: 'password', fastify: '5.x', dependencies: ['config'] })
