import { once } from 'node:events'
import { request } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import { createClient } from '@redis/client'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import type { Environment } from '../../src/config.ts'
import throttle from '../../src/throttle/throttle.ts'
import { freePort, redis, skip } from '../support/redis.ts'
import { failure, hasuraOf, serverOf, service, settings } from '../support/service.ts'

const email = 'someone@test.com'
const password = 'the-right-password'
const refused = failure('invalid-credentials', 'Invalid credentials')
const stored = await hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
const user = { id: 7, password: stored, default_role: 'user', roles: [] }

/** The service on a Hasura that knows one user under every email. */
async function start (t: Test, env: Environment = {}) {
  const { url, asked } = await hasuraOf(t, {
    UserByEmail: { data: { user: [user] } },
    CreateUser: { data: { insert_user_one: { id: 8, email, password: stored } } }
  })
  const running = await service(t, { HASURA_GRAPHQL_ENDPOINT: url, CLIENT_ADDRESS_HEADER: 'x-client-address', ...env })
  const attempt = async (input: object, headers: Record<string, string> = {}, url = '/login') => (
    running.inject({ url, headers, payload: { input: { email, password: 'a-wrong-password', ...input } } })
  )
  return {
    ...running,
    asked,
    attempt,
    right: async (address?: string) => attempt({ password }, address === undefined ? {} : { 'x-client-address': address }),
    wrong: async (address?: string) => attempt({}, address === undefined ? {} : { 'x-client-address': address })
  }
}

/** The service on a Hasura that keeps its first caller waiting until that one has left. */
async function startForOneThatLeaves (t: Test, env: Environment) {
  const answers: Array<() => void> = []
  const data = { user: [user], insert_user_one: { id: 8, email, password: stored } }
  const hasura = await serverOf(t, (_request, response) => {
    const answer = (): void => { response.end(JSON.stringify({ data })) }
    // The first one waits for the test.
    if (answers.push(answer) > 1) answer()
  })
  const { fastify, log } = await start(t, { ...env, HASURA_GRAPHQL_ENDPOINT: hasura })
  const url = await fastify.listen({ host: '127.0.0.1', port: 0 })
  const send = (path: string, input: object) => request(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-hasura-action-secret': settings.ACTION_SECRET,
      'x-client-address': '192.0.2.1'
    }
  }).end(JSON.stringify({ input }))

  return {
    log,
    call: async (path: string, input: object): Promise<number> => {
      const [response] = await once(send(path, input), 'response') as [{ statusCode: number, resume: () => void }]
      response.resume()
      return response.statusCode
    },
    leaveWhileHasuraIsAsked: async (path: string, input: object): Promise<void> => {
      const connected = once(fastify.server, 'connection')
      const gone = send(path, input).on('error', () => { /* it is gone */ })
      const [connection] = await connected as [NodeJS.EventEmitter]
      while (answers.length === 0) await after(5)
      gone.destroy()
      await once(connection, 'close')
      answers[0]?.()
    }
  }
}

async function times<Result> (count: number, work: () => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: count }, work))
}

const count = (results: Array<{ status: number }>, status: number): number => (
  results.filter(result => result.status === status).length
)

for (const store of ['memory', 'Redis'] as const) {
  const only = store === 'Redis' ? { skip } : {}
  const envOf = async (t: Test): Promise<Environment> => (store === 'Redis' ? { REDIS_URL: (await redis(t)).url } : {})

  t.test(`${store}: after ten failures an account is refused at no cost, and another is not`, only, async (t) => {
    const { asked, attempt, wrong, right } = await start(t, await envOf(t))
    for (let i = 0; i < 10; i++) t.strictSame((await wrong()).body, refused)
    const limited = await right()
    t.equal(limited.status, 429)
    const seconds = Number(limited.headers['retry-after'])
    t.ok(seconds > 890 && seconds <= 900)
    t.strictSame(limited.body, failure('rate-limited', `Too many attempts: try again in ${seconds} seconds`))
    t.equal(asked.length, 10)
    t.equal((await attempt({ email: ' SOMEONE@test.com' })).status, 429, 'another spelling is the same account')
    t.equal((await attempt({ email: 'other@test.com', password })).status, 200)
  })

  t.test(`${store}: of a burst no more than the limit get as far as a hash, right or wrong`, only, async (t) => {
    const { asked, attempt, right } = await start(t, await envOf(t))
    const results = await times(40, right)
    t.equal(count(results, 200), 10)
    t.equal(count(results, 429), 30)
    t.equal(asked.length, 10)
    const wrongOnes = await times(40, async () => attempt({ email: 'burst@test.com' }))
    t.equal(count(wrongOnes, 401), 10)
    t.equal(count(wrongOnes, 429), 30)
  })

  t.test(`${store}: a success clears the account's count`, only, async (t) => {
    const { right, wrong } = await start(t, await envOf(t))
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 9; i++) t.equal((await wrong()).status, 401)
      t.equal((await right()).status, 200)
    }
  })

  t.test(`${store}: when the window has passed the right password works`, only, async (t) => {
    const { right, wrong } = await start(t, { ...await envOf(t), LOGIN_LIMIT_PER_ACCOUNT: '2', LOGIN_WINDOW_SECONDS: '1' })
    await times(2, wrong)
    const { status, headers } = await right()
    t.equal(status, 429)
    await after(Number(headers['retry-after']) * 1000)
    t.equal((await right()).status, 200)
  })

  t.test(`${store}: an address is limited apart from the account, and its count outlives a success`, only, async (t) => {
    const { attempt, right, wrong } = await start(t, { ...await envOf(t), LOGIN_LIMIT_PER_ADDRESS: '12' })
    await times(10, async () => wrong('192.0.2.1'))
    t.equal((await right('192.0.2.1')).status, 429)
    t.equal((await right('192.0.2.2')).status, 200, 'the owner elsewhere gets in')
    const from = { 'x-client-address': '192.0.2.1' }
    t.equal((await attempt({ email: 'second@test.com' }, from)).status, 401)
    t.equal((await attempt({ email: 'second@test.com', password }, from)).status, 200)
    t.equal((await attempt({ email: 'third@test.com' }, from)).status, 401)
    t.equal((await attempt({ email: 'fourth@test.com', password }, from)).status, 429)
  })

  t.test(`${store}: of an attempt that counts nothing, nothing is kept`, only, async (t) => {
    const { right, wrong } = await start(t, { ...await envOf(t), LOGIN_LIMIT_PER_ACCOUNT: '1' })
    t.equal((await right()).status, 200)
    await after(2200)
    t.equal((await wrong()).status, 401)
    t.ok(Number((await right()).headers['retry-after']) > 898, 'the window begins with the failure')
  })

  t.test(`${store}: all addresses together have a ceiling on one account`, only, async (t) => {
    const { right, wrong } = await start(t, await envOf(t))
    for (let i = 1; i <= 5; i++) for (const { status } of await times(10, async () => wrong(`192.0.2.${i}`))) t.equal(status, 401)
    const { status, headers } = await right('192.0.2.9')
    t.equal(status, 429)
    t.ok(Number(headers['retry-after']) > 900, 'the ceiling has a window of its own')
  })

  t.test(`${store}: sign-ups are limited by address, taken emails too`, only, async (t) => {
    const { attempt } = await start(t, { ...await envOf(t), SIGNUP_LIMIT_PER_ADDRESS: '3' })
    const signup = async (address?: string) => (
      attempt({}, address === undefined ? {} : { 'x-client-address': address }, '/signup')
    )
    const results = await times(10, async () => signup('2001:db8::1'))
    t.equal(count(results, 200), 3)
    t.equal(count(results, 429), 7)
    t.equal((await signup('2001:db8:0:0:ffff::2')).status, 429, 'the same /64')
    t.equal((await signup('2001:db8:0:1::1')).status, 200, 'another /64')
    t.equal(count(await times(10, async () => signup()), 200), 10, 'without an address there is no bucket for everybody')
  })

  t.test(`${store}: a taken email counts as a sign-up, and an outage does not`, only, async (t) => {
    const message = 'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"'
    const taken = JSON.stringify({ errors: [{ message, extensions: { path: '$', code: 'constraint-violation' } }] })
    let answer = '<html>'
    const hasura = await serverOf(t, (_request, response) => { response.end(answer) })
    const { attempt } = await start(t, {
      ...await envOf(t), HASURA_GRAPHQL_ENDPOINT: hasura, SIGNUP_LIMIT_PER_ADDRESS: '2'
    })
    const signup = async () => (await attempt({}, { 'x-client-address': '192.0.2.1' }, '/signup')).status
    for (let i = 0; i < 5; i++) t.equal(await signup(), 502)
    answer = taken
    t.strictSame([await signup(), await signup(), await signup()], [400, 400, 429])
  })

  t.test(`${store}: an outage locks nobody out`, only, async (t) => {
    let isDown = true
    const hasura = await serverOf(t, (_request, response) => {
      response.writeHead(isDown ? 502 : 200).end(isDown ? '<html>' : JSON.stringify({ data: { user: [user] } }))
    })
    const { right } = await start(t, { ...await envOf(t), HASURA_GRAPHQL_ENDPOINT: hasura })
    for (let i = 0; i < 20; i++) t.equal((await right('192.0.2.1')).status, 502)
    isDown = false
    t.equal((await right('192.0.2.1')).status, 200)
  })

  t.test(`${store}: a login whose caller is gone gives its place back`, only, async (t) => {
    const { call, leaveWhileHasuraIsAsked } = await startForOneThatLeaves(t, {
      ...await envOf(t), LOGIN_LIMIT_PER_ACCOUNT: '1'
    })
    await leaveWhileHasuraIsAsked('/login', { email, password: 'a-wrong-password' })
    // The place is free as soon as the verification that nobody waits for has ended.
    let status = 429
    while (status === 429) status = await call('/login', { email, password })
    t.equal(status, 200)
  })

  t.test(`${store}: a sign-up whose caller is gone counts, since the account is there`, only, async (t) => {
    const { call, leaveWhileHasuraIsAsked, log } = await startForOneThatLeaves(t, {
      ...await envOf(t), SIGNUP_LIMIT_PER_ADDRESS: '1'
    })
    await leaveWhileHasuraIsAsked('/signup', { email, password })
    // Nothing is told when a sign-up that nobody waits for has ended, but that its place would be free.
    await after(200)
    t.equal(await call('/signup', { email, password }), 429)
    t.match(log().filter(({ path }) => path === '/signup'), [{ outcome: 'gone' }, { code: 'rate-limited' }])
  })
}

t.test('Redis: three replicas share one count, under keys that tell nothing', { skip }, async (t) => {
  const { url } = await redis(t)
  const replicas = await Promise.all(Array.from({ length: 3 }, async () => start(t, { REDIS_URL: url })))
  const burst = await Promise.all(replicas.map(async ({ wrong }) => times(8, async () => wrong('192.0.2.1'))))
  t.equal(count(burst.flat(), 401), 10, 'of 24 at once, on three replicas, as many as the limit')
  for (const { right } of replicas) t.equal((await right('192.0.2.1')).status, 429)

  const client = createClient({ url })
  await client.connect()
  t.teardown(() => { client.destroy() })
  const keys = await client.keys('*')
  t.equal(keys.length, 3)
  for (const key of keys) {
    t.match(key, /^\{hasura-jwt-auth\}:(login:[\w-]{22}:([\w-]{22}|ceiling)|login-address:[\w-]{22})$/)
    t.ok(await client.pTTL(key) > 0)
  }
})

t.test('Redis: where it fails memory takes over, and the log says so once', { skip }, async (t) => {
  const { url, port, child } = await redis(t)
  const { log, right, wrong } = await start(t, { REDIS_URL: url })
  t.equal((await right()).status, 200)
  child.kill('SIGKILL')
  await once(child, 'exit')
  for (let i = 0; i < 10; i++) t.equal((await wrong()).status, 401)
  t.equal((await right()).status, 429)
  const complaints = () => log().filter(({ msg }) => /^Redis failed/.test(String(msg)))
  t.equal(complaints().length, 1)

  await redis(t, port)
  while (!log().some(({ msg }) => msg === 'Redis is back')) {
    await right()
    await after(50)
  }
  t.equal((await right()).status, 200)
})

t.test('Redis: that hangs is one that fails', { skip }, async (t) => {
  const { url, child } = await redis(t)
  const { log, right, wrong } = await start(t, { REDIS_URL: url, LOGIN_LIMIT_PER_ACCOUNT: '1' })
  child.kill('SIGSTOP')
  t.teardown(() => child.kill('SIGCONT'))
  t.equal((await right()).status, 200)
  t.equal((await wrong()).status, 401)
  t.equal((await right()).status, 429)
  t.equal(log().filter(({ msg }) => /^Redis failed/.test(String(msg))).length, 1)
  child.kill('SIGCONT')
  // What it was asked meanwhile takes no place.
  while (!log().some(({ msg }) => msg === 'Redis is back')) {
    await right()
    await after(50)
  }
  t.equal((await right()).status, 200)
})

t.test('Redis: while it hangs, one attempt at a time finds out', { skip }, async (t) => {
  const { url, child } = await redis(t)
  const { right } = await start(t, { REDIS_URL: url })
  const client = createClient({ url })
  await client.connect()
  t.teardown(() => { client.destroy() })
  child.kill('SIGSTOP')
  t.teardown(() => child.kill('SIGCONT'))
  t.equal((await right()).status, 200)
  // Longer than it is left alone after a failure.
  await after(1100)
  t.equal(count(await times(5, right), 200), 5)
  child.kill('SIGCONT')
  const calls = async () => Number(/^cmdstat_eval:calls=(\d+)/m.exec(await client.info('commandstats'))?.[1] ?? 0)
  // Two places, taken too late and given back.
  while (await calls() < 4) await after(20)
  await after(100)
  t.equal(await calls(), 4)
})

t.test('Redis: that accepts connections and says nothing is no reason not to start', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const { port } = silent.address() as AddressInfo
  const { right, wrong } = await start(t, { REDIS_URL: `redis://127.0.0.1:${port}` })
  t.equal((await right()).status, 200)
  t.equal((await wrong()).status, 401)
})

t.test('Redis: that is not there at the start is no reason not to start', async (t) => {
  const { log, right } = await start(t, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  t.equal((await right()).status, 200)
  t.equal(log().filter(({ msg }) => /^Redis failed/.test(String(msg))).length, 1)
})

t.test('an unknown account is limited exactly like a known one', async (t) => {
  const answers = await Promise.all([[user], []].map(async (found) => {
    const { url } = await hasuraOf(t, { UserByEmail: { data: { user: found } } })
    const { wrong } = await start(t, { HASURA_GRAPHQL_ENDPOINT: url })
    const all = []
    for (let i = 0; i < 12; i++) all.push(await wrong())
    return all.map(({ status, headers, body }) => ({ status, headers: { ...headers, date: undefined }, body }))
  }))
  t.strictSame(answers[0], answers[1])
})

t.test('a setting that cannot work stops the start', async (t) => {
  const table: Array<[Environment, string]> = [
    [{ CLIENT_ADDRESS_HEADER: 'X-Hasura-Client' }, 'CLIENT_ADDRESS_HEADER is unusable: it must be the name of a header '
    + 'that a proxy in front of Hasura overwrites, such as x-client-address; not one that starts with x-hasura-, '
    + 'which Hasura does not forward'],
    [{ REDIS_URL: 'localhost:6379' }, 'REDIS_URL is unusable: it must be a URL such as redis://redis:6379'],
    [{ REDIS_URL: 'redis://[' }, 'REDIS_URL is not a URL of Redis: use one such as redis://redis:6379'],
    [{ REDIS_URL: 'redis://redis/name' }, 'REDIS_URL is not a URL of Redis: use one such as redis://redis:6379'],
    [{ LOGIN_LIMIT_PER_ACCOUNT: '0' },
      'LOGIN_LIMIT_PER_ACCOUNT is unusable: it must be a number of attempts from 1 to 1000000']
  ]
  for (const [env, message] of table) await t.rejects(service(t, env), { message }, message)
  await t.rejects(async () => { await Fastify().register(throttle) },
    { message: /dependency 'config' of plugin 'throttle' is not registered/ })
})
