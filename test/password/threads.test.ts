import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import { failure, hasuraOf, service } from '../support/service.ts'

/** The threads that are made after the first one. */
const threads: Worker[] = []
const keep = (message: unknown): void => { threads.push((message as { worker: Worker }).worker) }
subscribe('worker_threads', keep)
t.teardown(() => { unsubscribe('worker_threads', keep) })

function newest (): Worker {
  const thread = threads.at(-1)
  if (thread === undefined) throw new Error('no thread was made')
  return thread
}

/** The service with room for two hashes at once, each long enough that two logins at once need two threads. */
async function start (t: Test) {
  const stored = await hash('a-password', { memoryCost: 65_536, timeCost: 3, parallelism: 1 })
  const user = { id: 7, password: stored, default_role: 'user', roles: [] }
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [user] } } })
  const { fastify, call, log } = await service(t, {
    HASURA_GRAPHQL_ENDPOINT: url, PASSWORD_CONCURRENCY: '2', ARGON2_MEMORY_KIB: '65536', ARGON2_PASSES: '3'
  })
  const login = async () => call('/login', { email: 'a@b.test', password: 'a-password' })
  const twoLogins = async () => (await Promise.all([login(), login()])).toSorted((a, b) => a.status - b.status)
  // The first one was there before; with two at once there is a second one.
  await Promise.all([1, 2].map(async () => fastify.password.admit().hash('a-password')))
  return { log, twoLogins }
}

t.test('a thread that ends fails the one attempt on it as internal, and the next attempts have another one', async (t) => {
  const { log, twoLogins } = await start(t)
  const thread = newest()
  const post = thread.postMessage.bind(thread)
  // Nothing that it could read: it throws, and ends.
  thread.postMessage = () => { post(null) }
  const attempts = await twoLogins()
  t.strictSame(attempts.map(({ status }) => status), [200, 500])
  t.strictSame(attempts[1]?.body, failure('internal', 'internal error'))
  t.match(log().find(({ level }) => level === 50), { msg: 'internal error', err: { type: 'TypeError' } })

  t.strictSame((await twoLogins()).map(({ status }) => status), [200, 200])
  t.equal(threads.length, 2)
})

t.test('a thread that ends without an error is one that failed, busy or idle', async (t) => {
  const { log, twoLogins } = await start(t)
  const before = threads.length
  await newest().terminate()
  t.strictSame((await twoLogins()).map(({ status }) => status), [200, 200])
  t.equal(threads.length, before + 1, 'another one is made for it')

  const thread = newest()
  const post = thread.postMessage.bind(thread)
  thread.postMessage = (message) => {
    post(message)
    void thread.terminate()
  }
  const attempts = await twoLogins()
  t.strictSame(attempts.map(({ status }) => status), [200, 500])
  t.match(log().find(({ level }) => level === 50), { msg: 'internal error', err: { message: 'the thread has ended' } })
  t.strictSame((await twoLogins()).map(({ status }) => status), [200, 200])
})

t.test('a thread that ends together with its answer is given to nobody', async (t) => {
  const { twoLogins } = await start(t)
  const thread = newest()
  // Before the caller comes to it, which is a step later.
  thread.once('message', () => { thread.emit('exit', 1) })
  t.strictSame((await twoLogins()).map(({ status }) => status), [200, 200])
  const before = threads.length
  t.strictSame((await twoLogins()).map(({ status }) => status), [200, 200])
  t.equal(threads.length, before + 1, 'another one is made for it')
  await thread.terminate()
})
