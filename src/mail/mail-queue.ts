/** Why a job was given up. `dropped`: the queue was full. `abandoned`: the service stopped first. */
export type GivenUp = 'refused' | 'failed' | 'dropped' | 'abandoned'

interface MailQueueOptions<Job> {
  /** One try. The signal is aborted if it takes too long, or if the queue closes. */
  run: (job: Job, signal: AbortSignal) => Promise<void>
  /** Tells whether another try would fail in the same way. */
  isPermanent: (error: unknown) => boolean
  /** A try has failed, and there will be another one. */
  onRetry: (job: Job, error: unknown) => void
  onGiveUp: (job: Job, reason: GivenUp, error?: unknown) => void
}

interface MailQueue<Job> {
  /**
   * Adds a job, unless the queue already has so many. Returns at once and never throws.
   *
   * @param room - the number of jobs with which the queue counts as full for this one
   */
  add: (job: Job, room: number) => void
  /** Number of jobs that run, wait for their turn, or wait for their next try. */
  length: () => number
  /**
   * Ends all pauses, so that each job gets at most one more try.
   *
   * @param milliseconds - after this time, what is left is abandoned
   * @returns when nothing is left
   */
  close: (milliseconds: number) => Promise<void>
}

interface Entry<Job> {
  job: Job
  tries: number
  pause?: NodeJS.Timeout
}

/** The number of concurrent tries, each with its own connection. Providers allow more connections. */
export const concurrency = 5

/** The most jobs in the queue: about a megabyte. The limits per address keep that of a working server far shorter. */
export const maxLength = 1000

/** Lower for lookups. Anybody can cause them, and they must not crowd out a mail that warns of a changed password. */
export const maxLengthForLookups = 800

/** Milliseconds before each further try: together longer than a server restarts, and shorter than a token is valid. */
export const pauses: readonly number[] = [10_000, 60_000, 300_000, 900_000]

/** Milliseconds for one try. The timeouts of a connection do not notice a server that answers byte by byte. */
export const tryMs = 120_000

/** A bounded queue whose jobs run in the background, a few at once. A job that fails runs again after a pause. */
export function createMailQueue<Job> ({ run, isPermanent, onRetry, onGiveUp }: MailQueueOptions<Job>): MailQueue<Job> {
  const waiting: Array<Entry<Job>> = []
  const running = new Map<Entry<Job>, AbortController>()
  const paused = new Set<Entry<Job>>()
  let isClosing = false
  let onEmpty: (() => void) | undefined

  const length = (): number => waiting.length + running.size + paused.size

  function startNext (): void {
    for (let entry = waiting[0]; entry !== undefined && running.size < concurrency; entry = waiting[0]) {
      waiting.shift()
      void tryOnce(entry)
    }
    if (length() === 0) onEmpty?.()
  }

  async function tryOnce (entry: Entry<Job>): Promise<void> {
    const abort = new AbortController()
    running.set(entry, abort)
    const limit = setTimeout(() => { abort.abort() }, tryMs).unref()
    try {
      await run(entry.job, abort.signal)
    } catch (error) {
      // An abandoned job has been reported.
      if (running.has(entry)) handleFailure(entry, error)
    }
    clearTimeout(limit)
    running.delete(entry)
    startNext()
  }

  function handleFailure (entry: Entry<Job>, error: unknown): void {
    const pause = pauses[entry.tries++]
    if (isPermanent(error) || isClosing || pause === undefined) {
      onGiveUp(entry.job, isPermanent(error) ? 'refused' : 'failed', error)
      return
    }
    onRetry(entry.job, error)
    entry.pause = setTimeout(() => { resume(entry) }, pause).unref()
    paused.add(entry)
  }

  function resume (entry: Entry<Job>): void {
    clearTimeout(entry.pause)
    paused.delete(entry)
    waiting.push(entry)
    startNext()
  }

  return {
    length,
    add (job, room) {
      if (isClosing || length() >= room) {
        onGiveUp(job, isClosing ? 'abandoned' : 'dropped')
        return
      }
      waiting.push({ job, tries: 0 })
      // Takes none of the caller's time.
      setImmediate(startNext)
    },
    async close (milliseconds) {
      isClosing = true
      const empty = new Promise<void>((resolve) => { onEmpty = resolve })
      for (const entry of paused) resume(entry)
      startNext()
      const deadline = setTimeout(() => {
        const left = [...running.keys(), ...waiting.splice(0)]
        const tries = [...running.values()]
        running.clear()
        for (const { job } of left) onGiveUp(job, 'abandoned')
        for (const abort of tries) abort.abort()
        onEmpty?.()
      }, milliseconds)
      await empty
      clearTimeout(deadline)
    }
  }
}
