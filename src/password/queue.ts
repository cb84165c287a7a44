import { ActionError, tryAgainLater } from '../errors.ts'

/** A slot in the queue. It counts as one waiting hash until it is released. */
export interface QueueSlot {
  /**
   * Runs a hash when its turn comes, first in, first out.
   *
   * @throws ActionError `overloaded` if so many arrived together that the wait has become too long
   */
  run: <Result>(work: () => Promise<Result>) => Promise<Result>
  /** Gives the slot back. Further calls do nothing. */
  release: () => void
}

export interface HashQueue {
  /**
   * Lets an attempt in, before anything else is done for it. Of a burst that comes while nothing is hashed, those whose
   * wait turns out too long are refused by `run`.
   *
   * @param signal - aborted when the caller is gone; what then waits for its turn is not run
   * @throws ActionError `overloaded`, where the wait would be too long by the measured time of a hash, or too many have
   *   been let in whom Hasura still keeps from hashing
   */
  enter: (signal?: AbortSignal) => QueueSlot
  /** Hashes that run. */
  running: () => number
  /** Hashes that wait for their turn. */
  waiting: () => number
}

function callerGone (): ActionError {
  return new ActionError('bad-request', 'The caller is gone')
}

/** Attempts at most for which Hasura is asked at once, however little is hashed: each holds some memory meanwhile. */
const mostAsking = 1024

/** Milliseconds after which to try again where it is Hasura that keeps everybody waiting: nothing tells how long. */
const pauseForHasura = 5000

/** Weight of the newest duration in the moving mean. */
const newestWeight = 0.1

/**
 * Bounds the hashes that run at once, and with them memory and the wait: what comes in beyond that is refused, and not
 * piled up until every caller has given up.
 *
 * @param concurrency - hashes at once
 * @param maxWaitMilliseconds - longest wait that is begun
 * @param hashMilliseconds - first guess of how long a hash takes; measured from then on
 */
export function createHashQueue (
  concurrency: number, maxWaitMilliseconds: number, hashMilliseconds: number
): HashQueue {
  const queue: Array<() => void> = []
  let mean = hashMilliseconds
  let running = 0
  let places = 0

  function refuseBehind (ahead: number): void {
    const wait = mean * (ahead - concurrency + 1) / concurrency
    if (wait > maxWaitMilliseconds) throw tryAgainLater('overloaded', 'Too many requests at once', wait)
  }

  async function turn (signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw callerGone()
    if (running < concurrency) {
      running++
      return
    }
    refuseBehind(running + queue.length)
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        queue.splice(queue.indexOf(start), 1)
        reject(callerGone())
      }
      const start = (): void => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      queue.push(start)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  async function runNow<Result> (work: () => Promise<Result>): Promise<Result> {
    const start = performance.now()
    try {
      const result = await work()
      // What fails may be much shorter, and says nothing of the next one.
      mean += newestWeight * (performance.now() - start - mean)
      return result
    } finally {
      // The turn passes to the next one without being free in between.
      const next = queue.shift()
      if (next === undefined) running--
      else next()
    }
  }

  return {
    enter (signal) {
      // While all processors hash, whoever is let in counts, also those for whom Hasura is still asked: they will want
      // their turn, too. Else it is Hasura that they wait for.
      if (running >= concurrency) refuseBehind(places)
      if (places - running - queue.length >= mostAsking) {
        throw tryAgainLater('overloaded', 'Too many requests at once', pauseForHasura)
      }
      places++
      let isReleased = false
      return {
        async run (work) {
          await turn(signal)
          return runNow(work)
        },
        release () {
          if (isReleased) return
          isReleased = true
          places--
        }
      }
    },
    running: () => running,
    waiting: () => queue.length
  }
}
