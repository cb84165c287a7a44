import { readFile } from 'node:fs/promises'
import { hash } from '@node-rs/argon2'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/config.ts'
import metrics from '../../src/metrics.ts'
import password from '../../src/password/password.ts'
import { settings } from '../support/service.ts'

async function passwords (t: Test, env: Record<string, string> = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, ...env } })
  await fastify.register(metrics)
  await fastify.register(password)
  const { admit } = fastify.password
  return {
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

const cost = { memoryCost: 8, timeCost: 1, parallelism: 1 }

t.test('a hash is Argon2id at the configured parameters, salted, and verifies', async (t) => {
  const { hash, verify } = await passwords(t, { ARGON2_MEMORY_KIB: '32', ARGON2_PASSES: '3', ARGON2_LANES: '2' })
  const [first, second] = [await hash('a-password'), await hash('a-password')]
  t.match(first, /^\$argon2id\$v=19\$m=32,t=3,p=2\$[\w+/]{22}\$[\w+/]{43}$/)
  t.not(first, second)
  t.strictSame(await verify('a-password', first), { matches: true, needsRehash: false, unreadable: false })
  t.match(await verify('another', first), { matches: false, unreadable: false })
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

t.test('a hash of other parameters or another variant is to be made again', async (t) => {
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
    const stored = await hash('a-password', options)
    t.strictSame(await verify('a-password', stored), { matches: true, needsRehash, unreadable: false }, stored)
  }
  const reordered = (await hash('a-password', cost)).replace('m=8,t=1,p=1', 't=1,p=1,m=8')
  t.strictSame(await verify('a-password', reordered), { matches: true, needsRehash: true, unreadable: false })
})

t.test('no hash, and one that cannot be read or would cost too much, match nothing', async (t) => {
  const { verify } = await passwords(t)
  t.strictSame(await verify('a-password', undefined), { matches: false, needsRehash: false, unreadable: false })
  const salt = 'c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'
  for (const stored of [
    '', 'a-password', '$argon2id$', '$2b$10$abcdefghijklmnopqrstuv', `$argon2x$v=19$m=8,t=1,p=1$${salt}`,
    `$argon2id$v=19$m=8,m=8,p=1$${salt}`, `$argon2id$v=19$m=8,t=1$${salt}`, `$argon2id$v=99$m=8,t=1,p=1$${salt}`,
    `$argon2id$v=19$m=0,t=1,p=1$${salt}`, `$argon2id$v=19$m=8,t=0,p=1$${salt}`, `$argon2id$v=19$m=8,t=1,p=1$x$y`,
    `$argon2id$v=19$m=262145,t=1,p=1$${salt}`, `$argon2id$v=19$m=262144,t=5,p=1$${salt}`,
    `$argon2id$v=19$m=200,t=1,p=17$${salt}`, `$argon2id$v=19$m=8,t=1048577,p=1$${salt}`
  ]) {
    t.strictSame(await verify('a-password', stored), { matches: false, needsRehash: false, unreadable: true }, stored)
  }
})

t.test('the event loop goes on while a password is hashed', async (t) => {
  const { hash } = await passwords(t, { ARGON2_MEMORY_KIB: '65536', ARGON2_PASSES: '4' })
  let done = false
  const hashing = hash('a-password').finally(() => { done = true })
  await new Promise((resolve) => { setImmediate(resolve) })
  t.notOk(done)
  await hashing
})

t.test('hashes run on threads of their own, and files do not wait for them', async (t) => {
  const { hash } = await passwords(t, { ARGON2_MEMORY_KIB: '65536', PASSWORD_CONCURRENCY: '5' })
  let done = 0
  // More than libuv has threads.
  const hashing = Array.from({ length: 5 }, async () => hash('a-password').then(() => { done++ }))
  await readFile('package.json')
  t.equal(done, 0)
  await Promise.all(hashing)
})
