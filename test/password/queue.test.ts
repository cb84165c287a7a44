import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { createHashQueue } from '../../src/password/queue.ts'
import type { QueueSlot } from '../../src/password/queue.ts'
import { failure, hasuraOf, service, settings } from '../support/service.ts'

/** Work that ends when the test says so, and tells in which order it began. */
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

/** A queue, and a shorthand for entering it and running something at once. */
function queueOf (concurrency: number, maxWait: number, hashTime: number) {
  const queue = createHashQueue(concurrency, maxWait, hashTime)
  return {
    ...queue,
    run: async <Result>(work: () => Promise<Result>, signal?: AbortSignal) => runOnce(queue.enter(signal), work)
  }
}

const tick = async (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

t.test('no more than the limit run at once, and the others in the order in which they came', async (t) => {
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

t.test('work that fails passes its place on', async (t) => {
  const { run } = queueOf(1, 60_000, 1)
  const failing = run(async () => { throw new Error('failed') })
  const next = run(async () => 'next')
  await t.rejects(failing, { message: 'failed' })
  t.equal(await next, 'next')
  t.equal(await run(async () => 'later'), 'later')
})

t.test('who would wait too long, by the time of a hash, is refused at once', async (t) => {
  const { begun, ends, job } = jobs()
  const { run } = queueOf(2, 3000, 2000)
  const waiting = [1, 2, 3, 4, 5].map(async number => run(job(number)))
  // Two run, three wait: the next one's turn would come after 2000 × 4 / 2 milliseconds.
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

t.test('who is let in counts from the beginning, and no longer than until it leaves', async (t) => {
  const { enter, running, waiting } = queueOf(1, 3000, 2000)
  const { ends, job } = jobs()
  const first = runOnce(enter(), job(1))
  const places = [enter()]
  t.throws(() => enter(), { code: 'overloaded' })
  t.strictSame([running(), waiting()], [1, 0])
  places.pop()?.release()
  places.push(enter())
  t.throws(() => enter(), { code: 'overloaded' })
  const all = Promise.all([first, ...places.map(async place => runOnce(place, async () => 2))])
  t.strictSame([running(), waiting()], [1, 1])
  await tick()
  ends.pop()?.()
  t.strictSame(await all, [1, 2])
  t.strictSame([running(), waiting()], [0, 0])
  enter()
})

t.test('while nothing is hashed, who waits for Hasura keeps nobody out; of those who then come together, too many are refused', async (t) => {
  const { enter } = queueOf(1, 3000, 2000)
  const { ends, job } = jobs()
  const places = Array.from({ length: 1024 }, () => enter())
  t.throws(() => enter(), { code: 'overloaded', headers: { 'retry-after': '5' } }, 'as many as memory allows')
  const all = Promise.allSettled(places.map(async (place, index) => runOnce(place, job(index))))
  await tick()
  ends.shift()?.()
  await tick()
  ends.shift()?.()
  const outcomes = (await all).map(result => result.status === 'fulfilled' || (result.reason as { code: string }).code)
  t.strictSame(outcomes, [true, true, ...Array.from({ length: 1022 }, () => 'overloaded')])
})

t.test('those who wait for a hash are bounded by their wait alone', async (t) => {
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

t.test('the wait goes by the measured time of a hash, and by the first guess only at the beginning', async (t) => {
  const { enter, run } = queueOf(1, 3000, 10_000)
  const { ends, job } = jobs()
  for (const isRefused of [true, false]) {
    const running = run(job(1))
    await tick()
    if (isRefused) t.throws(() => enter(), { code: 'overloaded', headers: { 'retry-after': '10' } })
    else enter().release()
    ends.shift()?.()
    await running
    // A tenth of each new one counts: of the guess there is an eighth left.
    for (let i = 0; i < 20; i++) await run(async () => 'at once')
  }
})

t.test('what fails says nothing of the time of a hash', async (t) => {
  const { ends, job } = jobs()
  const { run } = queueOf(1, 3000, 2000)
  for (let i = 0; i < 50; i++) {
    await t.rejects(run(async () => { throw new Error('failed') }), { message: 'failed' })
  }
  const waiting = [1, 2].map(async number => run(job(number)))
  await tick()
  await t.rejects(run(job(3)), { code: 'overloaded' })
  for (let i = 0; i < 2; i++) {
    ends.shift()?.()
    await tick()
  }
  t.strictSame(await Promise.all(waiting), [1, 2])
})

t.test('who is gone leaves the queue, and whose turn has come stays', async (t) => {
  const { begun, ends, job } = jobs()
  const { run } = queueOf(1, 60_000, 1)
  const [first, second] = [new AbortController(), new AbortController()]
  const running = run(job(1), first.signal)
  const gone = run(job(2), second.signal)
  const patient = run(job(3), first.signal)
  second.abort()
  await t.rejects(gone, { code: 'bad-request', message: 'The caller is gone' })
  ends.shift()?.()
  t.equal(await running, 1)
  await tick()
  first.abort()
  ends.shift()?.()
  t.equal(await patient, 3)
  await t.rejects(run(job(4), second.signal), { message: 'The caller is gone' })
  t.strictSame(begun, [1, 3])
})

const costly = { ARGON2_MEMORY_KIB: '65536', ARGON2_PASSES: '2', PASSWORD_CONCURRENCY: '1' }

t.test('beyond the queue an attempt is refused as overloaded, and nobody is locked out by it', async (t) => {
  const stored = await hash('a-password', { memoryCost: 65_536, timeCost: 12, parallelism: 1 })
  const user = { id: 7, password: stored, default_role: 'user', roles: [] }
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [user] } } })
  const { call, inject } = await service(t, {
    ...costly, ARGON2_PASSES: '12', HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_QUEUE_MILLISECONDS: '1'
  })
  const input = { email: 'a@b.test', password: 'a-password' }
  for (let round = 0; round < 3; round++) {
    const results = await Promise.all(Array.from({ length: 8 }, async () => inject({ url: '/login', payload: { input } })))
    const [refused, ...others] = results.filter(({ status }) => status === 429)
    t.strictSame(refused?.body, failure('overloaded', 'Too many requests at once: try again in 1 second'))
    t.equal(refused?.headers['retry-after'], '1')
    t.equal(others.length, 6)
  }
  t.equal((await call('/login', input)).status, 200)
})

t.test('while all processors hash, who is refused costs Hasura nothing', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { fastify, call } = await service(t, {
    ...costly, ARGON2_PASSES: '12', HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_QUEUE_MILLISECONDS: '1'
  })
  const first = call('/login', { email: 'a@b.test', password: 'a-password' })
  const running = fastify.metrics.getSingleMetric('hasura_jwt_auth_password_hashes_running')
  while ((await running?.get())?.values[0]?.value !== 1) await tick()
  for (let i = 0; i < 8; i++) t.equal((await call('/login', { email: 'b@b.test', password: 'a-password' })).status, 429)
  t.equal((await first).status, 401)
  t.equal(asked.length, 1)
})

const outcomesOf = (log: () => Array<Record<string, unknown>>) => () => (
  log().filter(({ event }) => event === 'login').map(({ outcome }) => outcome)
)

/** Hashes that have run, when none runs any more. */
async function hashesOf ({ metrics }: FastifyInstance): Promise<number | undefined> {
  const valueOf = async (metric: string, series: string) => {
    const { values } = await metrics.getSingleMetric(metric)?.get() ?? {}
    return values?.find(value => ('metricName' in value ? value.metricName : metric) === series)?.value
  }
  const running = 'hasura_jwt_auth_password_hashes_running'
  while (await valueOf(running, running) !== 0) await after(10)
  const duration = 'hasura_jwt_auth_password_hash_duration_seconds'
  return valueOf(duration, `${duration}_count`)
}

t.test('an attempt whose caller is gone is not hashed', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { fastify, log } = await service(t, { ...costly, HASURA_GRAPHQL_ENDPOINT: url, ARGON2_PASSES: '12' })
  const webhook = await fastify.listen({ host: '127.0.0.1', port: 0 })
  const call = (email: string) => request(`${webhook}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET }
  }).end(JSON.stringify({ input: { email, password: 'a-password' } }))
  const answered = once(call('first@b.test'), 'response')
  while (asked.length < 1) await tick()
  const gone = call('gone@b.test').on('error', () => { /* it is gone */ })
  while (asked.length < 2) await tick()
  // Hasura has answered for the second one; it waits for the first one's hash by now, or will.
  gone.destroy()
  await answered
  const outcomes = outcomesOf(log)
  while (outcomes().length < 2) await after(10)
  t.strictSame(outcomes(), ['gone', 'failure'])
  t.equal(await hashesOf(fastify), 1)
})

t.test('of requests one behind the other on a connection that closes, none is hashed that has not begun', async (t) => {
  const { url, asked } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const { fastify, log } = await service(t, {
    ...costly, ARGON2_PASSES: '12', PASSWORD_QUEUE_MILLISECONDS: '25000', LOGIN_LIMIT_PER_ACCOUNT: '12',
    HASURA_GRAPHQL_ENDPOINT: url
  })
  const webhook = new URL(await fastify.listen({ host: '127.0.0.1', port: 0 }))
  const warnings: Error[] = []
  const warned = (warning: Error): void => { warnings.push(warning) }
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const body = JSON.stringify({ input: { email: 'one@b.test', password: 'a-password' } })
  const attempt = [
    'POST /login HTTP/1.1', `Host: ${webhook.host}`, 'Content-Type: application/json', `Content-Length: ${body.length}`,
    `X-Hasura-Action-Secret: ${settings.ACTION_SECRET}`, '', body
  ].join('\r\n')
  const socket = connect(Number(webhook.port), webhook.hostname)
  // More than an event target takes listeners without a warning.
  socket.write(attempt.repeat(12))
  while (asked.length < 12) await tick()
  socket.destroy()
  const outcomes = outcomesOf(log)
  while (outcomes().length < 12) await after(10)
  t.strictSame(outcomes(), Array.from({ length: 12 }, () => 'gone'))
  t.equal(await hashesOf(fastify), 1)
  t.strictSame(warnings, [])
})
