import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge, Histogram } from 'prom-client'
import { createHashQueue } from './queue.ts'
import type { HashQueue, QueueSlot } from './queue.ts'
import { readStoredHash } from './stored-hash.ts'
import { CallError, startThreadPool } from './threads.ts'
import { buckets } from '../metrics.ts'

export interface Verdict {
  /** Whether the password matches the hash. */
  matches: boolean
  /** Whether the hash was made with another algorithm or other parameters than today's. */
  needsRehash: boolean
  /**
   * Why the stored hash could not be verified: it is malformed, of an unknown algorithm, costs more than this service
   * accepts, or the library threw. Undefined if it was verified, or the user is unknown. It never contains the hash.
   */
  unreadable: Error | undefined
}

/** Made once: the stack of a new error takes measurable time, and an unknown email would not take that time. */
const unknownForm = new Error('the hash has an unknown form or too high a cost')

/** A slot in the queue of hashes. Release it when no further hash is needed. */
export interface PasswordSlot {
  /**
   * Hashes with Argon2id at the configured parameters and a random salt.
   *
   * @returns a PHC string
   * @throws ActionError `overloaded` if the wait would be too long, `bad-request` if the caller has disconnected
   */
  hash: (password: string) => Promise<string>
  /**
   * Verifies a password. Without a stored hash, or with an unreadable one, it does the work of one hash at today's
   * parameters, so that the time does not reveal that.
   *
   * @param password - normalised
   * @param storedHash - undefined for an unknown user
   * @param asSent - the password as the client has sent it. Another system may have hashed that form.
   * @throws ActionError `overloaded` if the wait would be too long, `bad-request` if the caller has disconnected. Both
   *   are thrown only before the hash begins.
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

/** `fastify.password`: hashes with Argon2id (RFC 9106) and verifies stored hashes, on threads of its own. */
async function password (fastify: FastifyInstance): Promise<void> {
  const { config, log } = fastify
  // Argon2id is the default algorithm of the library.
  const { ARGON2_MEMORY_KIB: parameters } = fastify.parsed
  const prefix = `$argon2id$v=19$m=${parameters.memoryCost},t=${parameters.timeCost},p=${parameters.parallelism}$`

  const threads = await startThreadPool((error) => {
    log.warn({ err: error }, 'A thread for hashes could not start: the hash waits for another thread')
  })
  fastify.addHook('onClose', threads.close)
  const start = performance.now()
  const decoy = await threads.call('hashArgon2', randomBytes(32), parameters)
  const queue = createHashQueue(
    config.PASSWORD_CONCURRENCY ?? availableParallelism(), config.PASSWORD_QUEUE_MILLISECONDS, performance.now() - start
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

  async function verifyDecoy (plain: string, unreadable?: Error): Promise<Verdict> {
    await threads.call('verifyArgon2', decoy, plain)
    return { matches: false, needsRehash: false, unreadable }
  }

  async function verify (plain: string, storedHash: string | undefined, asSent: string): Promise<Verdict> {
    if (storedHash === undefined) return verifyDecoy(plain)
    const verifyStored = readStoredHash(storedHash)
    if (verifyStored === undefined) return verifyDecoy(plain, unknownForm)
    const needsRehash = !storedHash.startsWith(prefix)
    try {
      // Today's hashes are of the normalised password. Another system may have hashed the other form.
      const matches = await verifyStored(plain, threads)
        || (needsRehash && asSent !== plain && await verifyStored(asSent, threads))
      return { matches, needsRehash, unreadable: undefined }
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      // The format is right, but the library refuses the hash before it does any work.
      return verifyDecoy(plain, error)
    }
  }

  fastify.decorate('password', {
    admit (signal) {
      const slot = queue.admit(signal)
      return {
        hash: async plain => run(slot, async () => threads.call('hashArgon2', plain, parameters)),
        verify: async (plain, storedHash, asSent = plain) => run(slot, async () => verify(plain, storedHash, asSent)),
        release: slot.release
      }
    }
  })
}

export default fp(password, { name: 'password', fastify: '5.x', dependencies: ['config', 'metrics'] })
