import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { concurrency, createMailQueue, maxLength, pauses, tryMs } from '../../src/mail/mail-queue.ts'

interface Try { job: string, signal: AbortSignal, succeed: () => void, fail: (error: Error) => void }

const permanent = new Error('permanent')
const failure = new Error('failure')

/** A queue whose tries end when the test says so, and whose time passes only by `mock.timers.tick`. */
function queueOf (t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const tries: Try[] = []
  const events: string[] = []
  const queue = createMailQueue<string>({
    run: async (job, signal) => new Promise((resolve, reject) => {
      tries.push({ job, signal, succeed: resolve, fail: reject })
    }),
    isPermanent: error => error === permanent,
    onRetry: (job, error) => { events.push(`${job} again: ${(error as Error).message}`) },
    onGiveUp: (job, reason, error) => { events.push(`${job} ${reason}: ${String((error as Error | undefined)?.message)}`) }
  })
  return {
    queue,
    tries,
    events,
    /** The oldest try that has not ended. */
    next: async (): Promise<Try> => {
      await turn()
      const first = tries.shift()
      if (first === undefined) throw new Error('no job runs')
      return first
    }
  }
}

t.test('a job never starts in the time of its caller', async (t) => {
  const { queue, tries, next } = queueOf(t)
  queue.add('a', maxLength)
  t.equal(tries.length, 0)
  t.equal(queue.length(), 1)
  const { succeed } = await next()
  succeed()
  await turn()
  t.equal(queue.length(), 0)
})

t.test('few jobs run at once, and the others follow in order', async (t) => {
  const { queue, tries, next } = queueOf(t)
  const jobs = Array.from({ length: concurrency + 2 }, (_, job) => String(job))
  for (const job of jobs) queue.add(job, maxLength)
  await turn()
  t.strictSame(tries.map(({ job }) => job), jobs.slice(0, concurrency))
  const { succeed } = await next()
  succeed()
  await turn()
  t.strictSame(tries.map(({ job }) => job), jobs.slice(1, concurrency + 1))
  const { fail } = await next()
  fail(permanent)
  await turn()
  t.strictSame(tries.map(({ job }) => job), jobs.slice(2))
})

t.test('a job that fails is tried again after growing pauses, and then given up', async (t) => {
  t.ok(pauses.length >= 3)
  t.strictSame(pauses, pauses.toSorted((a, b) => a - b))
  const { queue, tries, events, next } = queueOf(t)
  queue.add('a', maxLength)
  for (const pause of pauses) {
    const { fail } = await next()
    fail(failure)
    await turn()
    t.equal(events.pop(), 'a again: failure')
    mock.timers.tick(pause - 1)
    await turn()
    t.equal(tries.length, 0)
    t.equal(queue.length(), 1)
    mock.timers.tick(1)
  }
  const { fail } = await next()
  fail(failure)
  await turn()
  t.strictSame(events, ['a failed: failure'])
  t.equal(queue.length(), 0)
})

t.test('jobs that pause do not hold up the others', async (t) => {
  const { queue, tries, next } = queueOf(t)
  for (let job = 0; job < concurrency; job++) queue.add(`pausing ${job}`, maxLength)
  for (let job = 0; job < concurrency; job++) (await next()).fail(failure)
  queue.add('another', maxLength)
  await turn()
  t.strictSame(tries.map(({ job }) => job), ['another'])
})

t.test('a permanent failure is not tried again', async (t) => {
  const { queue, events, next } = queueOf(t)
  queue.add('a', maxLength)
  const { fail } = await next()
  fail(permanent)
  await turn()
  t.strictSame(events, ['a refused: permanent'])
  t.equal(queue.length(), 0)
})

t.test('a try that takes too long is aborted, and the next one has its own time', async (t) => {
  const { queue, next } = queueOf(t)
  queue.add('a', maxLength)
  const first = await next()
  mock.timers.tick(tryMs - 1)
  t.equal(first.signal.aborted, false)
  mock.timers.tick(1)
  t.equal(first.signal.aborted, true)
  first.fail(failure)
  await turn()
  mock.timers.tick(pauses[0] ?? 0)
  const second = await next()
  mock.timers.tick(tryMs - 1)
  t.equal(second.signal.aborted, false)
})

t.test('a full queue drops further jobs, and counts those that pause', async (t) => {
  const { queue, events, next } = queueOf(t)
  queue.add('pausing', maxLength)
  const { fail } = await next()
  fail(failure)
  await turn()
  for (let job = 1; job < maxLength; job++) queue.add(String(job), maxLength)
  queue.add('too many', maxLength)
  t.strictSame(events, ['pausing again: failure', 'too many dropped: undefined'])
  t.equal(queue.length(), maxLength)
  const { succeed } = await next()
  succeed()
  await turn()
  queue.add('one more', maxLength)
  t.equal(queue.length(), maxLength)
  t.equal(events.length, 2)
})

t.test('closing ends all pauses, gives each job one more try, and waits until nothing is left', async (t) => {
  const { queue, events, next } = queueOf(t)
  queue.add('pausing', maxLength)
  const pausing = await next()
  pausing.fail(failure)
  queue.add('running', maxLength)
  const running = await next()
  const order: string[] = []
  const closed = queue.close(1000).then(() => { order.push('closed') })
  queue.add('late', maxLength)
  const last = await next()
  t.equal(last.job, 'pausing')
  last.fail(failure)
  await turn()
  order.push('failed')
  running.succeed()
  await closed
  t.strictSame(order, ['failed', 'closed'])
  t.strictSame(events, ['pausing again: failure', 'late abandoned: undefined', 'pausing failed: failure'])
})

t.test('closing an empty queue returns at once', async (t) => {
  const { queue, events } = queueOf(t)
  await queue.close(1000)
  t.strictSame(events, [])
})

t.test('what is left after the time to close is abandoned, and reported once', async (t) => {
  const { queue, tries, events, next } = queueOf(t)
  for (let job = 0; job <= concurrency; job++) queue.add(String(job), maxLength)
  const first = await next()
  const closed = queue.close(1000)
  mock.timers.tick(999)
  t.strictSame(events, [])
  mock.timers.tick(1)
  await closed
  t.strictSame(events, Array.from({ length: concurrency + 1 }, (_, job) => `${job} abandoned: undefined`))
  t.equal(queue.length(), 0)
  for (const { signal } of [first, ...tries]) t.equal(signal.aborted, true)
  first.fail(failure)
  await turn()
  t.equal(events.length, concurrency + 1)
})
