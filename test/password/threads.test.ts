import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as after } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { hash as argon2 } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import { CallError, startThreadPool } from '../../src/password/threads.ts'
import { hashThreads } from '../support/hash-threads.ts'
import { compiled } from '../support/process.ts'
import { failure, hasuraOf, service } from '../support/service.ts'

const cost = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** A pool, control over its threads, and the errors of those that do not start. */
async function poolOf (t: Test) {
  const control = hashThreads(t)
  const failures: unknown[] = []
  const pool = await startThreadPool((error) => { failures.push(error) })
  t.teardown(pool.close)
  const hash = async (): Promise<string> => pool.call('hashArgon2', 'a-password', cost)
  const hashes = async (count: number) => Promise.allSettled(Array.from({ length: count }, hash))
  return { ...control, failures, pool, hash, hashes }
}

const isRunning = (worker: Worker): boolean => worker.threadId !== -1
const fulfilled = (results: Array<PromiseSettledResult<unknown>>): boolean[] => (
  results.map(({ status }) => status === 'fulfilled')
)

t.test('a pool has as many threads as calls at once, and uses them again', async (t) => {
  const { threads, hashes } = await poolOf(t)
  t.equal(threads.length, 1)
  for (const [count, expected] of [[1, 1], [3, 3], [2, 3], [4, 4]] as const) {
    t.strictSame(fulfilled(await hashes(count)), Array.from({ length: count }, () => true))
    t.equal(threads.length, expected)
  }
})

t.test('an error that a function throws is the cause of a CallError, and its thread is used again', async (t) => {
  const { threads, pool, hash } = await poolOf(t)
  const error = await pool.call('verifyArgon2', '$argon2id$nothing', 'a-password').catch((error: unknown) => error)
  t.type(error, CallError)
  t.type((error as CallError).cause, Error)
  await hash()
  t.equal(threads.length, 1)
})

t.test('a closed pool ends its idle threads at once, and a busy one after its call', async (t) => {
  const { threads, hold, release, pool, hash, hashes } = await poolOf(t)
  await hashes(2)
  hold()
  const hashing = hash()
  await pool.close()
  t.strictSame(threads.map(isRunning).sort(), [false, true])
  release()
  await hashing
  while (threads.some(isRunning)) await after(1)
})

t.test('a call whose thread cannot start waits for another one, and no start is tried until a thread ends', async (t) => {
  const { threads, failures, failStarts, hashes } = await poolOf(t)
  const five = [true, true, true, true, true]
  failStarts(true)
  t.strictSame(fulfilled(await hashes(5)), five)
  t.equal(threads.length, 5)
  t.strictSame(failures.map(error => (error as Error).message), Array.from({ length: 4 }, () => 'the thread has ended'))
  t.strictSame(fulfilled(await hashes(5)), five)
  t.equal(threads.length, 5)

  await threads[0]?.terminate()
  failStarts(false)
  t.strictSame(fulfilled(await hashes(5)), five)
  t.equal(threads.length, 10)
})

t.test('calls that wait fail if the last thread ends and none can start', async (t) => {
  const { threads, hold, release, failures, failStarts, hash, hashes } = await poolOf(t)
  hold()
  const running = hash()
  failStarts(true)
  const waiting = hashes(3)
  while (failures.length < 3) await after(1)
  await threads[0]?.terminate()
  await t.rejects(running, { message: 'the thread has ended' })
  t.strictSame(fulfilled(await waiting), [false, false, false])
  t.strictSame(fulfilled(await hashes(1)), [false])
  failStarts(false)
  release()
  t.strictSame(fulfilled(await hashes(2)), [true, true])
})

t.test('if no file descriptor is free, calls wait for a thread that runs', async (t) => {
  const script = compiled('test/support/few-descriptors.ts')
  const child = spawn('bash', ['-c', 'ulimit -n 64 && exec "$@"', 'bash', process.execPath, script])
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  t.equal(errors, '')
  const { failures, outcomes } = JSON.parse(output) as { failures: string[], outcomes: string[] }
  t.strictSame(new Set(failures), new Set(['ERR_WORKER_INIT_FAILED']))
  t.strictSame(outcomes, ['fulfilled', 'fulfilled', 'fulfilled'])
})

/** The service with two threads, and a shorthand for two logins at once, one on each of them. */
async function start (t: Test) {
  const { threads, hold, release } = hashThreads(t)
  const stored = await argon2('a-password', cost)
  const user = { id: 7, password: stored, default_role: 'user', disabled_at: null, roles: [] }
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [user] } } })
  const { fastify, call, log } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_CONCURRENCY: '2' })
  const login = async () => call('/login', { email: 'a@b.test', password: 'a-password' })
  const running = fastify.metrics.getSingleMetric('hasura_jwt_auth_password_hashes_running')
  /** @param whileRunning - called when both hashes have begun */
  const twoLogins = async (whileRunning = async (): Promise<unknown> => undefined) => {
    hold()
    const logins = Promise.all([login(), login()])
    while ((await running?.get())?.values[0]?.value !== 2) await after(1)
    await whileRunning()
    release()
    return (await logins).toSorted((a, b) => a.status - b.status)
  }
  const statuses = async (): Promise<number[]> => (await twoLogins()).map(({ status }) => status)
  t.strictSame(await statuses(), [200, 200])
  const [, second] = threads
  if (second === undefined) throw new Error('there is no second thread')
  return { log, threads, second, twoLogins, statuses }
}

t.test('a thread that fails costs one attempt, which is an internal error', async (t) => {
  const { log, threads, second, twoLogins, statuses } = await start(t)
  const post = second.postMessage.bind(second)
  // The thread cannot read it: it throws, and ends.
  second.postMessage = () => { post(null) }
  const attempts = await twoLogins()
  t.strictSame(attempts.map(({ status }) => status), [200, 500])
  t.strictSame(attempts[1]?.body, failure('internal', 'internal error'))
  t.match(log().find(({ level }) => level === 50), { msg: 'internal error', err: { type: 'TypeError' } })
  t.strictSame(await statuses(), [200, 200])
  t.equal(threads.length, 3)
})

t.test('a thread that ends without an error is replaced, whether it is idle or busy', async (t) => {
  const { log, threads, second, twoLogins, statuses } = await start(t)
  await second.terminate()
  t.strictSame(await statuses(), [200, 200])
  t.equal(threads.length, 3)

  const attempts = await twoLogins(async () => threads[2]?.terminate())
  t.strictSame(attempts.map(({ status }) => status), [200, 500])
  t.match(log().find(({ level }) => level === 50), { msg: 'internal error', err: { message: 'the thread has ended' } })
  t.strictSame(await statuses(), [200, 200])
  t.equal(threads.length, 4)
})

t.test('a thread that ends right after its answer is not used again', async (t) => {
  const { threads, second, statuses } = await start(t)
  // Before the caller of the hash continues.
  second.once('message', () => { second.emit('exit', 1) })
  t.strictSame(await statuses(), [200, 200])
  t.strictSame(await statuses(), [200, 200])
  t.equal(threads.length, 3)
  await second.terminate()
})
