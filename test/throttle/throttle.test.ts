import Fastify from 'fastify'
import t from 'tap'
import type { Environment } from '../../src/config.ts'
import throttle from '../../src/throttle/throttle.ts'
import { attempts, statuses, storeOf, times, user } from '../support/attempts.ts'
import { skip } from '../support/redis.ts'
import { replace } from '../support/replace.ts'
import { failure, hasuraOf, serverOf, service } from '../support/service.ts'

const invalid = failure('invalid-credentials', 'Invalid credentials')
const minuteMs = 60_000

for (const store of ['memory', 'Redis'] as const) {
  const only = store === 'Redis' ? { skip } : {}

  t.test(`${store}: ten failed logins limit their account and no other, before any work is done`, only, async (t) => {
    const { asked, login, right, wrong } = await attempts(t, (await storeOf(t, store)).env)
    for (let i = 0; i < 10; i++) t.strictSame((await wrong()).body, invalid)
    const { status, headers, body } = await right()
    const seconds = Number(headers['retry-after'])
    t.ok(seconds > 60 && seconds <= 900, 'until the window of 15 minutes ends')
    t.strictSame([status, body], [429, failure('rate-limited', `Too many attempts: try again in ${seconds} seconds`)])
    t.equal(asked.length, 10)
    t.equal((await login({ email: ' SOMEONE@test.com' })).status, 429, 'another spelling is the same account')
    t.equal((await login({ email: 'other@test.com' })).status, 401)
  })

  t.test(`${store}: a burst of logins never triggers more hashes than the limit`, only, async (t) => {
    const { asked, login, right } = await attempts(t, (await storeOf(t, store)).env)
    t.strictSame(statuses(await times(40, right)), { 200: 10, 429: 30 })
    t.equal(asked.length, 10)
    const wrong = await times(40, async () => login({ email: 'burst@test.com' }))
    t.strictSame(statuses(wrong), { 401: 10, 429: 30 })
    for (const { status, headers } of wrong) {
      if (status === 429) t.ok(Number(headers['retry-after']) <= 60, 'logins in progress end within a minute')
    }
  })

  t.test(`${store}: a successful login clears the count of its account`, only, async (t) => {
    const { right, wrong } = await attempts(t, (await storeOf(t, store)).env)
    for (let round = 0; round < 3; round++) {
      t.strictSame(statuses(await times(9, wrong)), { 401: 9 })
      t.equal((await right()).status, 200)
    }
  })

  t.test(`${store}: the limit ends with its window, which the first attempt opened`, only, async (t) => {
    const { env, pass } = await storeOf(t, store)
    const { right, wrong } = await attempts(t, { ...env, LOGIN_LIMIT_PER_ACCOUNT: '2' })
    t.equal((await wrong()).status, 401)
    await pass(10 * minuteMs)
    t.equal((await wrong()).status, 401)
    const { status, headers } = await right()
    t.equal(status, 429)
    t.ok(Number(headers['retry-after']) <= 300)
    await pass(5 * minuteMs)
    t.strictSame(statuses(await times(3, wrong)), { 401: 2, 429: 1 }, 'a new window counts from the start')
  })

  t.test(`${store}: an attempt that does not count leaves nothing behind`, only, async (t) => {
    const { env, pass } = await storeOf(t, store)
    const { right, wrong } = await attempts(t, { ...env, LOGIN_LIMIT_PER_ACCOUNT: '1' })
    t.equal((await right()).status, 200)
    await pass(10 * minuteMs)
    t.equal((await wrong()).status, 401)
    t.ok(Number((await right()).headers['retry-after']) > 300, 'the failed login opened the window')
  })

  t.test(`${store}: an address has its own limit, which a successful login does not clear`, only, async (t) => {
    const { login, right, wrong } = await attempts(t, { ...(await storeOf(t, store)).env, LOGIN_LIMIT_PER_ADDRESS: '12' })
    await times(10, async () => wrong('192.0.2.1'))
    t.equal((await right('192.0.2.1')).status, 429)
    t.equal((await right('192.0.2.2')).status, 200, 'the owner can log in from another address')
    const right_ = { password: 'the-right-password' }
    t.equal((await login({ email: 'second@test.com' }, '192.0.2.1')).status, 401)
    t.equal((await login({ email: 'second@test.com', ...right_ }, '192.0.2.1')).status, 200)
    t.equal((await login({ email: 'third@test.com' }, '192.0.2.1')).status, 401)
    t.equal((await login({ email: 'fourth@test.com', ...right_ }, '192.0.2.1')).status, 429)
  })

  t.test(`${store}: all addresses together have a ceiling for one account`, only, async (t) => {
    const { right, wrong } = await attempts(t, (await storeOf(t, store)).env)
    for (let i = 1; i <= 5; i++) t.strictSame(statuses(await times(10, async () => wrong(`192.0.2.${i}`))), { 401: 10 })
    const { status, headers } = await right('192.0.2.9')
    t.equal(status, 429)
    t.ok(Number(headers['retry-after']) > 900, 'its window is an hour')
  })

  t.test(`${store}: sign-ups are limited by address`, only, async (t) => {
    const { signup } = await attempts(t, { ...(await storeOf(t, store)).env, SIGNUP_LIMIT_PER_ADDRESS: '3' })
    t.strictSame(statuses(await times(10, async () => signup('2001:db8::1'))), { 200: 3, 429: 7 })
    t.equal((await signup('2001:db8:0:0:ffff::2')).status, 429, 'the same /64 network')
    t.equal((await signup('2001:db8:0:1::1')).status, 200, 'another /64 network')
    t.strictSame(statuses(await times(10, async () => signup())), { 200: 10 }, 'no limit without an address')
  })

  t.test(`${store}: a taken email counts as a sign-up, and an outage of Hasura does not`, only, async (t) => {
    const message = 'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"'
    let answer = '<html>'
    const hasura = await serverOf(t, (_request, response) => { response.end(answer) })
    const { signup } = await attempts(t, {
      ...(await storeOf(t, store)).env, HASURA_GRAPHQL_ENDPOINT: hasura, SIGNUP_LIMIT_PER_ADDRESS: '2'
    })
    t.strictSame(statuses(await times(2, async () => signup('192.0.2.1'))), { 502: 2 })
    answer = JSON.stringify({ errors: [{ message, extensions: { path: '$', code: 'constraint-violation' } }] })
    t.strictSame(statuses(await times(3, async () => signup('192.0.2.1'))), { 400: 2, 429: 1 })
  })

  t.test(`${store}: an outage of Hasura locks nobody out`, only, async (t) => {
    let answer = '<html>'
    const hasura = await serverOf(t, (_request, response) => { response.end(answer) })
    const { right } = await attempts(t, {
      ...(await storeOf(t, store)).env, HASURA_GRAPHQL_ENDPOINT: hasura, LOGIN_LIMIT_PER_ACCOUNT: '2'
    })
    for (let i = 0; i < 5; i++) t.equal((await right('192.0.2.1')).status, 502)
    answer = JSON.stringify({ data: { user: [user] } })
    t.equal((await right('192.0.2.1')).status, 200)
  })

  t.test(`${store}: a change of the wall clock neither ends a window nor extends it`, only, async (t) => {
    let offset = 0
    const RealDate = Date
    class ShiftedDate extends RealDate {
      constructor (value: number | string = ShiftedDate.now()) { super(value) }
      static override now (): number { return RealDate.now() + offset }
    }
    replace(t, globalThis, 'Date', ShiftedDate)
    const { env, pass } = await storeOf(t, store)
    const { right, wrong } = await attempts(t, { ...env, LOGIN_LIMIT_PER_ACCOUNT: '2' })
    t.strictSame(statuses(await times(2, wrong)), { 401: 2 })
    for (offset of [-60 * minuteMs, 60 * minuteMs, 24 * 60 * minuteMs]) {
      const { status, headers } = await right()
      t.equal(status, 429)
      t.ok(Number(headers['retry-after']) <= 900)
    }
    offset = -60 * minuteMs
    await pass(15 * minuteMs)
    t.equal((await right()).status, 200)
  })

  t.test(`${store}: an attempt settles in the window in which it began`, only, async (t) => {
    const { env, pass } = await storeOf(t, store)
    const { fastify: { throttle } } = await attempts(t, env)
    const rule = { key: 'a', limit: 1, windowSeconds: 300, counts: ['wrong'], resetBy: 'right' }
    const reserve = async () => {
      const result = await throttle.reserve([rule])
      if ('settle' in result) return result
      throw new Error('the limit is reached')
    }
    const isLimited = async (): Promise<boolean> => {
      const result = await throttle.reserve([rule])
      if ('retryAfterMilliseconds' in result) return true
      await result.settle('other')
      return false
    }

    const slow = await reserve()
    await pass(4 * minuteMs)
    await slow.settle('wrong')
    t.ok(await isLimited(), 'an attempt that took longer than a minute counts')
    await pass(minuteMs)
    t.notOk(await isLimited())

    for (const late of ['wrong', 'right']) {
      const first = await reserve()
      await pass(5 * minuteMs)
      const second = await reserve()
      await second.settle('wrong')
      await first.settle(late)
      t.ok(await isLimited(), `${late} in an earlier window does not clear this one`)
      await pass(5 * minuteMs)
      const third = await reserve()
      await pass(5 * minuteMs)
      await third.settle('wrong')
      t.notOk(await isLimited(), 'a failure in an earlier window does not count in this one')
    }
  })
}

t.test('an unknown account is limited exactly like a known one', async (t) => {
  const now = performance.now()
  replace(t, performance, 'now', () => now)
  const [known, unknown] = await Promise.all([[user], []].map(async (found) => {
    const { url } = await hasuraOf(t, { UserByEmail: { data: { user: found } } })
    const { wrong } = await attempts(t, { HASURA_GRAPHQL_ENDPOINT: url })
    const answers = []
    for (let i = 0; i < 12; i++) answers.push(await wrong())
    return answers.map(({ status, headers, body }) => ({ status, headers: { ...headers, date: undefined }, body }))
  }))
  t.equal(known?.at(-1)?.status, 429)
  t.strictSame(known, unknown)
})

t.test('a setting that cannot work stops the start', async (t) => {
  const notRedis = 'REDIS_URL is not a URL of Redis: use one such as redis://:password@redis:6379, and percent-encode '
    + 'special characters in the password'
  const table: Array<[Environment, string]> = [
    [{ CLIENT_ADDRESS_HEADER: 'X-Hasura-Client' }, 'CLIENT_ADDRESS_HEADER is unusable'],
    [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL is unusable'],
    [{ LOGIN_LIMIT_PER_ACCOUNT: '0' }, 'LOGIN_LIMIT_PER_ACCOUNT is unusable'],
    ...['redis://[', 'redis://redis/name', 'redis://:12/34@redis', 'redis://user:12#34@redis', 'redis://user:12?34@redis',
      'redis://:%zz@redis', 'redis://%zz:12@redis'].map((REDIS_URL): [Environment, string] => [{ REDIS_URL }, notRedis])
  ]
  for (const [env, message] of table) {
    await t.rejects(service(t, env), { name: 'ConfigError', message: new RegExp(`^${message}`) }, JSON.stringify(env))
  }
  await t.rejects(async () => { await Fastify().register(throttle) },
    { message: /dependency 'config' of plugin 'throttle' is not registered/ })
})
