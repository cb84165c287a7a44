import { ActionError } from '../errors.ts'

export interface HashQueue {
  /**
   * Runs one hash when its turn comes, first in, first out.
   *
   * @param signal - aborted when the caller is gone, and with it what waits
   * @throws ActionError `overloaded`, at once, where the wait would be too long by the measured time of a hash
   */
  run: <Result>(work: () => Promise<Result>, signal?: AbortSignal) => Promise<Result>
}

interface Waiting { start: () => void }

function callerGone (): ActionError {
  return new ActionError('bad-request', 'The caller is gone')
}

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
  const waiting: Waiting[] = []
  let mean = hashMilliseconds
  let running = 0

  async function runNow<Result> (work: () => Promise<Result>): Promise<Result> {
    const start = performance.now()
    try {
      return await work()
    } finally {
      mean += newestWeight * (performance.now() - start - mean)
      // The place passes to the next one without being free in between.
      const next = waiting.shift()
      if (next === undefined) running--
      else next.start()
    }
  }

  async function turn (signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(entry), 1)
        reject(callerGone())
      }
      const entry: Waiting = {
        start () {
          signal?.removeEventListener('abort', leave)
          resolve()
        }
      }
      waiting.push(entry)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }

  return {
    async run (work, signal) {
      if (signal?.aborted === true) throw callerGone()
      if (running < concurrency) {
        running++
        return runNow(work)
      }
      const wait = mean * (waiting.length + 1) / concurrency
      if (wait > maxWaitMilliseconds) {
        const seconds = Math.ceil(wait / 1000)
        const headers = { 'retry-after': String(seconds) }
        throw new ActionError('overloaded', `Too many requests at once: try again in ${seconds} seconds`, { headers })
      }
      await turn(signal)
      return runNow(work)
    }
  }
}
