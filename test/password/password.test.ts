import { inspect } from 'node:util'
import { hash as argon2 } from '@node-rs/argon2'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/config.ts'
import { parseArgon2Parameters } from '../../src/password/argon2-parameters.ts'
import metrics from '../../src/metrics.ts'
import password from '../../src/password/password.ts'
import { hashThreads } from '../support/hash-threads.ts'
import { settings } from '../support/service.ts'

const cost = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** Only the plugin, with a slot for each hash. */
async function passwords (t: Test, env: Record<string, string> = {}) {
  const control = hashThreads(t)
  const lines: string[] = []
  const fastify = Fastify({ logger: { stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => fastify.close())
  const parsers = { ARGON2_MEMORY_KIB: parseArgon2Parameters }
  await fastify.register(config, { env: { ...settings, PASSWORD_CONCURRENCY: '5', ...env }, parsers })
  await fastify.register(metrics)
  await fastify.register(password)
  const { admit } = fastify.password
  return {
    ...control,
    fastify,
    log: () => lines.map(line => JSON.parse(line) as Record<string, unknown>),
    hash: async (plain: string) => {
      const slot = admit()
      return slot.hash(plain).finally(slot.release)
    },
    verify: async (plain: string, stored: string | undefined) => {
      const slot = admit()
      return slot.verify(plain, stored).finally(slot.release)
    }
  }
}

t.test('a hash is Argon2id at the configured parameters, salted, and verifies', async (t) => {
  const { hash, verify } = await passwords(t, { ARGON2_MEMORY_KIB: '32', ARGON2_PASSES: '3', ARGON2_LANES: '2' })
  const [first, second] = [await hash('a-password'), await hash('a-password')]
  t.match(first, /^\$argon2id\$v=19\$m=32,t=3,p=2\$[\w+/]{22}\$[\w+/]{43}$/)
  t.not(first, second)
  t.strictSame(await verify('a-password', first), { matches: true, needsRehash: false, unreadable: undefined })
  t.match(await verify('another', first), { matches: false, unreadable: undefined })
})

t.test('parameters that do not fit together stop the start', async (t) => {
  const tooSmall = 'ARGON2_MEMORY_KIB is too small: Argon2 needs at least 8 KiB for each of ARGON2_LANES'
  const tooLarge = 'ARGON2_PASSES is too large: ARGON2_MEMORY_KIB times ARGON2_PASSES must not exceed 1048576'
  const table: Array<[Record<string, string>, message: string]> = [
    [{ ARGON2_MEMORY_KIB: '8', ARGON2_LANES: '2' }, tooSmall],
    [{ ARGON2_MEMORY_KIB: '127', ARGON2_LANES: '16' }, tooSmall],
    [{ ARGON2_MEMORY_KIB: '262144', ARGON2_PASSES: '5' }, tooLarge],
    [{ ARGON2_MEMORY_KIB: '', ARGON2_PASSES: '54' }, tooLarge],
    [{ ARGON2_MEMORY_KIB: '16385', ARGON2_PASSES: '64' }, tooLarge]
  ]
  for (const [env, message] of table) await t.rejects(passwords(t, env), { message }, JSON.stringify(env))
  await t.rejects(passwords(t, { ARGON2_MEMORY_KIB: 'much', ARGON2_LANES: '17' }), { message: /^ARGON2_\w+ is unusable: .*\n.* is unusable: .*$/ })
})

t.test('the whole password counts: case, spaces, NUL and every character up to the last', async (t) => {
  const { hash, verify } = await passwords(t)
  const plain = ` pass\0word ${'x'.repeat(300)}`
  const stored = await hash(plain)
  t.match(await verify(plain, stored), { matches: true })
  for (const other of [plain.trim(), plain.toUpperCase(), plain.slice(0, -1), plain.replace('\0', ''), ' pass']) {
    t.match(await verify(other, stored), { matches: false })
  }
})

t.test('a hash of other parameters or of another variant needs a rehash', async (t) => {
  const { verify } = await passwords(t)
  const table: Array<[object, boolean]> = [
    [cost, false],
    [{ ...cost, memoryCost: 16 }, true],
    [{ ...cost, timeCost: 2 }, true],
    [{ ...cost, memoryCost: 16, parallelism: 2 }, true],
    [{ ...cost, algorithm: 0 }, true],
    [{ ...cost, algorithm: 1 }, true]
  ]
  for (const [options, needsRehash] of table) {
    const stored = await argon2('a-password', options)
    t.strictSame(await verify('a-password', stored), { matches: true, needsRehash, unreadable: undefined }, stored)
  }
  const reordered = (await argon2('a-password', cost)).replace('m=8,t=1,p=1', 't=1,p=1,m=8')
  t.strictSame(await verify('a-password', reordered), { matches: true, needsRehash: true, unreadable: undefined })
})

t.test('without a hash, or with an unreadable one, no password matches, and the work is that of one hash', async (t) => {
  const { verify, hold, release } = await passwords(t)
  const salt = 'c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'
  const form = { message: 'the hash has an unknown form or too high a cost', cause: undefined }
  const failed = (cause: RegExp) => ({ message: 'the hash failed', cause: { message: cause } })
  const table: Array<[stored: string | undefined, reason: object | undefined]> = [
    [undefined, undefined],
    ['', form],
    ['a-password', form],
    ['$argon2id$', form],
    ['$2b$10$abcdefghijklmnopqrstuv', form],
    [`$argon2id$v=19$m=262145,t=1,p=1$${salt}`, form],
    // Well formed, but refused by the libraries.
    [`$argon2id$v=19$m=0,t=1,p=1$${salt}`, failed(/^Memory cost is too small$/)],
    [`$argon2id$v=19$m=8,t=0,p=1$${salt}`, failed(/^Time cost is too small$/)],
    [`$argon2id$v=19$m=8,t=1,p=2$${salt}`, failed(/^Memory cost is too small$/)],
    [`$argon2id$v=19$m=8,t=1,p=0$${salt}`, failed(/./)],
    [`$argon2id$v=19$m=08,t=1,p=1$${salt}`, failed(/^Decoding failed$/)],
    [`$scrypt$ln=20,r=1,p=1$${salt}`, failed(/^Invalid scrypt params: /)]
  ]
  for (const [stored, reason] of table) {
    hold()
    let isDone = false
    const verifying = verify('a-password', stored).finally(() => { isDone = true })
    await new Promise((resolve) => { setImmediate(resolve) })
    t.notOk(isDone, 'it waits for a thread')
    release()
    const { unreadable, ...verdict } = await verifying
    t.strictSame(verdict, { matches: false, needsRehash: false }, String(stored))
    if (reason === undefined) t.equal(unreadable, undefined)
    else t.match(unreadable, reason, String(stored))
    t.notMatch(inspect(unreadable), salt, 'the reason does not contain the hash')
  }
})

t.test('each hash runs on its own thread and does not block the event loop', async (t) => {
  const { hash, threads, hold, release } = await passwords(t)
  hold()
  let done = 0
  const hashing = Array.from({ length: 5 }, async () => hash('a-password').then(() => { done++ }))
  while (threads.length < 5) await new Promise((resolve) => { setImmediate(resolve) })
  t.equal(done, 0)
  release()
  await Promise.all(hashing)
  t.equal(threads.length, 5)
})

t.test('a thread that cannot start is a warning in the log', async (t) => {
  const { hash, failStarts, log } = await passwords(t)
  failStarts(true)
  await Promise.all([hash('a-password'), hash('a-password')])
  t.match(log().filter(({ level }) => level === 40).at(-1), {
    msg: 'A thread for hashes could not start: the hash waits for another thread', err: { message: 'the thread has ended' }
  })
})

t.test('closing the plugin ends its threads', async (t) => {
  const { hash, threads, fastify } = await passwords(t)
  await Promise.all([hash('a-password'), hash('a-password')])
  t.equal(threads.length, 2)
  await fastify.close()
  t.strictSame(threads.map(({ threadId }) => threadId), [-1, -1])
})
