import { ActionError, tryAgainLater } from '../errors.ts'

/** A slot in the queue. It counts as one waiting hash until it is released. */
export interface QueueSlot {
  /**
   * Runs a hash in its turn: first in, first out. A hash that has begun is never cancelled.
   *
   * @throws ActionError `overloaded` if so many slots were admitted together that the wait would be too long;
   *   `bad-request` if the caller has disconnected before the hash begins
   */
  run: <Result>(work: () => Promise<Result>) => Promise<Result>
  /** Gives the slot back. Further calls do nothing. */
  release: () => void
}

export interface HashQueue {
  /**
   * Admits an attempt before any other work is done for it.
   *
   * @param signal - aborted when the caller has disconnected
   * @throws ActionError `overloaded` if the wait would be too long, or too many attempts wait for Hasura
   */
  admit: (signal?: AbortSignal) => QueueSlot
  /** Number of hashes that run. */
  running: () => number
  /** Number of hashes that wait for their turn. */
  waiting: () => number
}

/** Attempts that wait for Hasura at most while few hashes run. Each of them holds some memory. */
const maxPendingLookups = 1024

/** `Retry-After` if too many attempts wait for Hasura. The real time of that wait is unknown. */
const lookupRetryMilliseconds = 5000

/** Weight of the newest duration in the moving average. */
const newestWeight = 0.1

function overloaded (milliseconds: number): ActionError {
  return tryAgainLater('overloaded', 'Too many requests at once', milliseconds)
}

function disconnected (): ActionError {
  return new ActionError('bad-request', 'The caller has disconnected')
}

/** A semaphore: `concurrency` callers run at once, and the others wait in the order of their arrival. */
function createTurns (concurrency: number) {
  const queue: Array<() => void> = []
  let running = 0

  async function wait (signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        queue.splice(queue.indexOf(start), 1)
        reject(disconnected())
      }
      const start = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      queue.push(start)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  return {
    running: () => running,
    waiting: () => queue.length,
    /** @throws ActionError `bad-request` if the caller disconnects before its turn */
    take: async (signal: AbortSignal | undefined): Promise<void> => {
      if (running >= concurrency) return wait(signal)
      running++
    },
    /** Passes the turn directly to the next caller, so that no other caller can take it in between. */
    pass: (): void => {
      const next = queue.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

/**
 * Limits the hashes that run at once, which bounds memory, and the wait: an attempt that would wait too long is refused
 * at once, instead of after its caller has given up.
 *
 * @param concurrency - hashes at once
 * @param maxWaitMilliseconds - longest expected wait that is accepted
 * @param hashMilliseconds - first estimate of the time of a hash, which is measured from then on
 */
export function createHashQueue (
  concurrency: number, maxWaitMilliseconds: number, hashMilliseconds: number
): HashQueue {
  const { running, waiting, take, pass } = createTurns(concurrency)
  let average = hashMilliseconds
  let admitted = 0

  function checkWait (ahead: number): void {
    if (running() < concurrency) return
    const wait = average * (ahead - concurrency + 1) / concurrency
    if (wait > maxWaitMilliseconds) throw overloaded(wait)
  }

  async function run<Result> (work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    if (signal?.aborted === true) throw disconnected()
    checkWait(running() + waiting())
    await take(signal)
    const start = performance.now()
    try {
      const result = await work()
      // Only a hash that succeeds is measured: one that fails may take much less time.
      average += newestWeight * (performance.now() - start - average)
      return result
    } finally {
      pass()
    }
  }

  return {
    running,
    waiting,
    admit (signal) {
      // While every turn is taken, all admitted attempts count, because those that wait for Hasura will hash next.
      checkWait(admitted)
      if (admitted - running() - waiting() >= maxPendingLookups) throw overloaded(lookupRetryMilliseconds)
      admitted++
      let isReleased = false
      return {
        run: async work => run(work, signal),
        release () {
          if (isReleased) return
          isReleased = true
          admitted--
        }
      }
    }
  }
}
