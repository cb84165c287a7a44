import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { createHashQueue } from '../../src/password/queue.ts'
import type { QueueSlot } from '../../src/password/queue.ts'
import { hashThreads } from '../support/hash-threads.ts'
import { replace } from '../support/replace.ts'
import { failure, hasuraOf, service, settings } from '../support/service.ts'

/** Jobs that end when the test says so. `begun` has their numbers in the order in which they began. */
function jobs () {
  const begun: number[] = []
  const ends: Array<() => void> = []
  const job = (number: number) => async (): Promise<number> => {
    begun.push(number)
    return new Promise((resolve) => { ends.push(() => { resolve(number) }) })
  }
  return { begun, ends, job }
}

async function runOnce<Result> (slot: QueueSlot, work: () => Promise<Result>): Promise<Result> {
  return slot.run(work).finally(slot.release)
}

/** A queue, and a shorthand that admits an attempt and runs its hash at once. */
function queueOf (concurrency: number, maxWait: number, hashTime: number) {
  const queue = createHashQueue(concurrency, maxWait, hashTime)
  return {
    ...queue,
    run: async <Result>(work: () => Promise<Result>, signal?: AbortSignal) => runOnce(queue.admit(signal), work)
  }
}

const tick = async (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

t.test('runs as many hashes at once as allowed, and the others in the order of their arrival', async (t) => {
  const { begun, ends, job } = jobs()
  const { run } = queueOf(2, 60_000, 1)
  const all = Promise.all([1, 2, 3, 4, 5].map(async number => run(job(number))))
  await tick()
  t.strictSame(begun, [1, 2])
  for (const expected of [[1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4, 5]]) {
    ends.shift()?.()
    await tick()
    t.strictSame(begun, expected)
  }
  for (const end of ends) end()
  t.strictSame(await all, [1, 2, 3, 4, 5])
})

t.test('a hash that fails passes its turn on', async (t) => {
  const { run } = queueOf(1, 60_000, 1)
  const failing = run(async () => { throw new Error('failed') })
  const next = run(async () => 'next')
  await t.rejects(failing, { message: 'failed' })
  t.equal(await next, 'next')
  t.equal(await run(async () => 'later'), 'later')
})

t.test('an attempt is refused at once if its expected wait is too long', async (t) => {
  const { begun, ends, job } = jobs()
  const { run } = queueOf(2, 3000, 2000)
  const waiting = [1, 2, 3, 4, 5].map(async number => run(job(number)))
  // Two run, three wait: the sixth would have its turn after 2000 × 4 / 2 milliseconds.
  await t.rejects(run(job(6)), {
    code: 'overloaded', statusCode: 429, message: 'Too many requests at once: try again in 4 seconds', headers: { 'retry-after': '4' }
  })
  while (begun.length < 5) {
    ends.shift()?.()
    await tick()
  }
  for (const end of ends) end()
  await Promise.all(waiting)
  t.strictSame(begun, [1, 2, 3, 4, 5])
})

t.test('an admitted attempt counts until it is released', async (t) => {
  const { admit, running, waiting } = queueOf(1, 3000, 2000)
  const { ends, job } = jobs()
  const first = runOnce(admit(), job(1))
  const slots = [admit()]
  t.throws(() => admit(), { code: 'overloaded' })
  t.strictSame([running(), waiting()], [1, 0])
  const slot = slots.pop()
  slot?.release()
  slot?.release()
  slots.push(admit())
  t.throws(() => admit(), { code: 'overloaded' })
  const all = Promise.all([first, ...slots.map(async slot => runOnce(slot, async () => 2))])
  t.strictSame([running(), waiting()], [1, 1])
  await tick()
  ends.pop()?.()
  t.strictSame(await all, [1, 2])
  t.strictSame([running(), waiting()], [0, 0])
  admit()
})

t.test('while no hash runs, 1024 attempts may wait for Hasura, and those that then wait too long are refused', async (t) => {
  const { admit } = queueOf(1, 3000, 2000)
  const { ends, job } = jobs()
  const slots = Array.from({ length: 1024 }, () => admit())
  t.throws(() => admit(), { code: 'overloaded', headers: { 'retry-after': '5' } })
  const all = Promise.allSettled(slots.map(async (slot, index) => runOnce(slot, job(index))))
  await tick()
  ends.shift()?.()
  await tick()
  ends.shift()?.()
  const outcomes = (await all).map(result => result.status === 'fulfilled' || (result.reason as { code: string }).code)
  t.strictSame(outcomes, [true, true, ...Array.from({ length: 1022 }, () => 'overloaded')])
})

t.test('the expected wait is the only limit on waiting hashes', async (t) => {
  const { run, waiting } = queueOf(4, 60_000, 1)
  const { ends, job } = jobs()
  const all = Promise.all(Array.from({ length: 1100 }, async (_, index) => run(job(index))))
  t.equal(waiting(), 1096)
  while (waiting() > 0 || ends.length > 0) {
    for (const end of ends.splice(0)) end()
    await tick()
  }
  t.equal((await all).length, 1100)
})

t.test('the expected wait follows the measured time of a hash', async (t) => {
  let now = 0
  replace(t, performance, 'now', () => now)
  const { admit, run } = queueOf(1, 3000, 10_000)
  const { ends, job } = jobs()
  const running = run(job(1))
  await tick()
  t.throws(() => admit(), { code: 'overloaded', headers: { 'retry-after': '10' } })
  now += 4000
  ends.shift()?.()
  await running
  // The newest time has a weight of a tenth: 9400, then 8660.
  await run(async () => { now += 2000 })
  const last = run(job(2))
  await tick()
  t.throws(() => admit(), { code: 'overloaded', headers: { 'retry-after': '9' } })
  ends.shift()?.()
  await last
  for (let i = 0; i < 20; i++) await run(async () => 'in no time')
  const fast = run(job(3))
  await tick()
  admit().release()
  ends.shift()?.()
  await fast
})

t.test('a hash that fails does not change the expected wait', async (t) => {
  const { ends, job } = jobs()
  const { run } = queueOf(1, 3000, 2000)
  for (let i = 0; i < 50; i++) {
    await t.rejects(run(async () => { throw new Error('failed') }), { message: 'failed' })
  }
  const waiting = [1, 2].map(async number => run(job(number)))
  await tick()
  await t.rejects(run(job(3)), { code: 'overloaded', headers: { 'retry-after': '4' } })
  for (let i = 0; i < 2; i++) {
    ends.shift()?.()
    await tick()
  }
  t.strictSame(await Promise.all(waiting), [1, 2])
})

t.test('a caller that disconnects leaves the queue, but a hash that has begun goes on and its result counts', async (t) => {
  const { begun, ends, job } = jobs()
  const { run, running, waiting } = queueOf(1, 60_000, 1)
  const disconnected = { code: 'bad-request', message: 'The caller has disconnected' }
  const [first, second] = [new AbortController(), new AbortController()]
  const begins = run(job(1), first.signal)
  const leaves = run(job(2), second.signal)
  const begins2 = run(job(3), first.signal)
  second.abort()
  await t.rejects(leaves, disconnected)
  t.strictSame([running(), waiting()], [1, 1])
  ends.shift()?.()
  t.equal(await begins, 1)
  await tick()
  first.abort()
  ends.shift()?.()
  t.equal(await begins2, 3, 'its caller has disconnected after it began')
  await t.rejects(run(job(4), second.signal), disconnected)
  t.strictSame(begun, [1, 3])
  t.strictSame([running(), waiting()], [0, 0])
})

/** One hash at once, and no attempt may wait. */
const noWait = { PASSWORD_CONCURRENCY: '1', PASSWORD_QUEUE_MILLISECONDS: '0' }
const runningMetric = 'hasura_jwt_auth_password_hashes_running'

async function valueOf ({ metrics }: FastifyInstance, metric: string, series = metric): Promise<number | undefined> {
  const { values } = await metrics.getSingleMetric(metric)?.get() ?? {}
  return values?.find(value => ('metricName' in value ? value.metricName : metric) === series)?.value
}

/** Number of hashes that have run, as soon as none runs. */
async function hashesOf (fastify: FastifyInstance): Promise<number | undefined> {
  while (await valueOf(fastify, runningMetric) !== 0) await tick()
  const duration = 'hasura_jwt_auth_password_hash_duration_seconds'
  return valueOf(fastify, duration, `${duration}_count`)
}

t.test('a login that would wait too long is refused as overloaded, and does not count as a failed one', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { hold, release } = hashThreads(t)
  const { inject } = await service(t, { ...noWait, HASURA_GRAPHQL_ENDPOINT: url, LOGIN_LIMIT_PER_ACCOUNT: '2' })
  const login = async () => inject({ url: '/login', payload: { input: { email: 'a@b.test', password: 'a-password' } } })
  hold()
  const first = login()
  for (let i = 0; i < 3; i++) {
    const { status, headers, body } = await login()
    const seconds = Number(headers['retry-after'])
    t.ok(seconds >= 1)
    const message = `Too many requests at once: try again in ${seconds} second${seconds === 1 ? '' : 's'}`
    t.match({ status, body }, { status: 429, body: failure('overloaded', message) })
  }
  release()
  t.equal((await first).status, 401)
  t.equal((await login()).status, 401)
  t.match((await login()).body, { extensions: { code: 'rate-limited' } })
})

t.test('while every turn is taken, a refused login costs Hasura nothing', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { hold, release } = hashThreads(t)
  const { fastify, call } = await service(t, { ...noWait, HASURA_GRAPHQL_ENDPOINT: url })
  hold()
  const first = call('/login', { email: 'a@b.test', password: 'a-password' })
  while (await valueOf(fastify, runningMetric) !== 1) await tick()
  for (let i = 0; i < 8; i++) t.equal((await call('/login', { email: 'b@b.test', password: 'a-password' })).status, 429)
  release()
  t.equal((await first).status, 401)
  t.equal(asked.length, 1)
})

const outcomesOf = (log: () => Array<Record<string, unknown>>) => () => (
  log().filter(({ event }) => event === 'login').map(({ outcome }) => outcome)
)

t.test('a login whose caller has disconnected is not hashed', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { hold, release } = hashThreads(t)
  const { fastify, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_CONCURRENCY: '1' })
  const webhook = await fastify.listen({ host: '127.0.0.1', port: 0 })
  const call = (email: string) => request(`${webhook}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET }
  }).end(JSON.stringify({ input: { email, password: 'a-password' } }))
  const outcomes = outcomesOf(log)
  hold()
  const answered = once(call('first@b.test'), 'response')
  while (await valueOf(fastify, runningMetric) !== 1) await tick()
  const leaving = call('second@b.test').on('error', () => { /* disconnected */ })
  // The service also checks the schema when it listens.
  while (asked.filter(({ operation }) => operation === 'UserByEmail').length < 2) await tick()
  // The second one waits for Hasura or for the hash of the first one.
  leaving.destroy()
  while (outcomes().length < 1) await tick()
  release()
  await answered
  while (outcomes().length < 2) await after(1)
  t.strictSame(outcomes(), ['gone', 'failure'])
  t.equal(await hashesOf(fastify), 1)
})
