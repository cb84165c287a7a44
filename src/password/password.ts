import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge, Histogram } from 'prom-client'
import { createHashQueue } from './queue.ts'
import type { HashQueue, QueueSlot } from './queue.ts'
import { readStoredHash } from './stored-hash.ts'
import { CallError, firstThread, onThread } from './threads.ts'
import { buckets } from '../metrics.ts'

export interface Verdict {
  /** Whether the password is the one that the hash was made of. */
  matches: boolean
  /** Whether the hash was made with another algorithm or other parameters than today's. */
  needsRehash: boolean
  /** Whether the hash is malformed, of an unknown algorithm, or beyond the cost that this service runs. */
  unreadable: boolean
}

/** A slot in the queue of hashes. Release it when no further hash is needed. */
interface PasswordSlot {
  /**
   * Hashes with Argon2id at the configured parameters and a random salt.
   *
   * @returns a PHC string
   * @throws ActionError `overloaded` if the wait has become too long
   */
  hash: (password: string) => Promise<string>
  /**
   * Checks a password against a stored hash, off the event loop. Without a stored hash, or with one that cannot be
   * read, it does the work of one hash at today's parameters, so that the time does not tell.
   *
   * @param password - normalized
   * @param storedHash - undefined for an unknown user
   * @param asSent - the password as the client sent it. Another system may have hashed that form.
   * @throws ActionError `overloaded` if the wait has become too long
   */
  verify: (password: string, storedHash: string | undefined, asSent?: string) => Promise<Verdict>
  release: () => void
}

declare module 'fastify' {
  interface FastifyInstance {
    password: {
      /**
       * Reserves a slot for the hashes of one request, before any other work is done for it.
       *
       * @param signal - aborted when the caller has disconnected. A hash that still waits then does not run.
       * @throws ActionError `overloaded` if the queue is too long
       */
      admit: (signal?: AbortSignal) => PasswordSlot
    }
  }
}

/** Gauges and histograms of the queue and of what runs behind it. */
function createMetrics ({ metrics }: FastifyInstance, queue: HashQueue) {
  const registers = [metrics]
  new Gauge({
    registers,
    name: 'hasura_jwt_auth_password_hashes_running',
    help: 'Hashes that run',
    collect () { this.set(queue.running()) }
  })
  new Gauge({
    registers,
    name: 'hasura_jwt_auth_password_queue_length',
    help: 'Hashes that wait for their turn',
    collect () { this.set(queue.waiting()) }
  })
  return {
    wait: new Histogram({
      registers, buckets, name: 'hasura_jwt_auth_password_queue_wait_seconds', help: 'Time that a hash waited for its turn'
    }),
    duration: new Histogram({
      registers, buckets, name: 'hasura_jwt_auth_password_hash_duration_seconds', help: 'Time that a hash ran'
    })
  }
}

/** `fastify.password`: hashing with Argon2id (RFC 9106) and verifying stored hashes, on threads of their own. */
async function password (fastify: FastifyInstance): Promise<void> {
  const { ARGON2_MEMORY_KIB: memoryCost, ARGON2_PASSES: timeCost, ARGON2_LANES: parallelism } = fastify.config
  // Argon2id is the library's default algorithm.
  const parameters = { memoryCost, timeCost, parallelism }
  const prefix = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`
  await firstThread
  const start = performance.now()
  const decoy = await onThread('hashArgon2', randomBytes(32), parameters)
  const queue = createHashQueue(
    fastify.config.PASSWORD_CONCURRENCY ?? availableParallelism(),
    fastify.config.PASSWORD_QUEUE_MILLISECONDS,
    performance.now() - start
  )
  const { wait, duration } = createMetrics(fastify, queue)

  async function run<Result> (slot: QueueSlot, work: () => Promise<Result>): Promise<Result> {
    const stopWaiting = wait.startTimer()
    return slot.run(async () => {
      stopWaiting()
      const stop = duration.startTimer()
      return work().finally(stop)
    })
  }

  async function verifyNow (plain: string, storedHash: string | undefined, asSent: string): Promise<Verdict> {
    const none = { matches: false, needsRehash: false, unreadable: storedHash !== undefined }
    const verifyStored = storedHash === undefined ? undefined : readStoredHash(storedHash)
    if (storedHash === undefined || verifyStored === undefined) {
      await onThread('verifyArgon2', decoy, plain)
      return none
    }
    const needsRehash = !storedHash.startsWith(prefix)
    try {
      // Today's hashes are all of the normalized spelling; another one may come from elsewhere.
      const matches = await verifyStored(plain) || (needsRehash && asSent !== plain && await verifyStored(asSent))
      return { matches, needsRehash, unreadable: false }
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      // Well formed, and still refused by the library, which has done no work yet.
      await onThread('verifyArgon2', decoy, plain)
      return none
    }
  }

  fastify.decorate('password', {
    admit (signal) {
      const slot = queue.enter(signal)
      return {
        hash: async plain => run(slot, async () => onThread('hashArgon2', plain, parameters)),
        verify: async (plain, storedHash, asSent = plain) => (
          run(slot, async () => verifyNow(plain, storedHash, asSent))
        ),
        release: slot.release
      }
    }
  })
}

export default fp(password, { name: 'password', fastify: '5.x', dependencies: ['config', 'metrics'] })
