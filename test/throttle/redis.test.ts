import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { attempts, redisClient, statuses, times } from '../support/attempts.ts'
import { freePort, redis, skip } from '../support/redis.ts'
import { replace } from '../support/replace.ts'
import { service } from '../support/service.ts'

const minuteMs = 60_000

type Log = () => Array<Record<string, unknown>>
const failuresIn = (log: Log): string[] => (
  log().map(({ msg }) => String(msg)).filter(msg => msg.startsWith('Redis failed'))
)
const isBack = (log: Log): boolean => log().some(({ msg }) => msg === 'Redis is back')

async function attemptUntil (attempt: () => Promise<unknown>, isDone: () => boolean): Promise<void> {
  do {
    await attempt()
    await after(20)
  } while (!isDone())
}

async function listen (t: Test, server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A proxy in front of a Redis. From `freeze()` on, its open connections pass nothing on and stay open. */
async function proxyOf (t: Test, port: number) {
  const sockets: Socket[] = []
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1')
    client.pipe(redis).pipe(client)
    for (const socket of [client, redis]) socket.on('error', () => { socket.destroy() })
    sockets.push(client, redis)
    t.teardown(() => { client.destroy(); redis.destroy() })
  })
  return {
    url: `redis://127.0.0.1:${await listen(t, server)}`,
    connections: () => sockets.length / 2,
    freeze: () => { for (const socket of sockets) socket.unpipe().pause() }
  }
}

t.test('the client of Redis is loaded only if REDIS_URL is set', async (t) => {
  // The client is CommonJS, so the cache of require() shows whether it is loaded.
  const { cache } = createRequire(import.meta.url)
  const isLoaded = (): boolean => Object.keys(cache).some(file => file.includes('/@redis/client/'))
  await service(t)
  t.notOk(isLoaded())
  await service(t, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  t.ok(isLoaded())
})

t.test('three replicas share one count, and its keys reveal nothing', { skip }, async (t) => {
  const { url } = await redis(t)
  const replicas = await Promise.all(Array.from({ length: 3 }, async () => attempts(t, { REDIS_URL: url })))
  const burst = await Promise.all(replicas.map(async ({ wrong }) => times(8, async () => wrong('192.0.2.1'))))
  t.strictSame(statuses(burst.flat()), { 401: 10, 429: 14 })
  for (const { right } of replicas) t.equal((await right('192.0.2.1')).status, 429)

  const { client } = await redisClient(t, url)
  const keys = await client.keys('*')
  t.equal(keys.length, 3)
  for (const key of keys) {
    t.match(key, /^hasura-jwt-auth:(login:[\w-]{22}:([\w-]{22}|ceiling)|login-address:[\w-]{22})$/)
    t.ok(await client.pTTL(key) > 0)
  }
})

t.test('memory takes over while Redis fails, and the log says so once', { skip }, async (t) => {
  const { url, port, child } = await redis(t)
  const { log, right, wrong } = await attempts(t, { REDIS_URL: url })
  t.equal((await right()).status, 200)
  child.kill('SIGKILL')
  await once(child, 'exit')
  for (let i = 0; i < 10; i++) t.equal((await wrong()).status, 401)
  t.equal((await right()).status, 429)
  t.equal(failuresIn(log).length, 1)

  // The next attempt to connect must not depend on the wall clock.
  replace(t, Date, 'now', () => 0)
  await redis(t, port)
  await attemptUntil(right, () => isBack(log))
  t.equal((await right()).status, 200, 'Redis has counted nothing')
  t.equal(failuresIn(log).length, 1)
})

t.test('a Redis that hangs is replaced by memory, and used again when it answers', { skip }, async (t) => {
  const { url, child } = await redis(t)
  const { log, right, wrong } = await attempts(t, { REDIS_URL: url, LOGIN_LIMIT_PER_ACCOUNT: '3' })
  child.kill('SIGSTOP')
  t.teardown(() => child.kill('SIGCONT'))
  t.equal((await right()).status, 200)
  for (let i = 0; i < 3; i++) t.equal((await wrong()).status, 401)
  t.equal((await right()).status, 429)
  t.match(failuresIn(log), [/: no answer within 1000 ms$/])
  child.kill('SIGCONT')
  await attemptUntil(right, () => isBack(log))
  t.equal((await right()).status, 200)
})

t.test('a dead connection is replaced', { skip }, async (t) => {
  const { port } = await redis(t)
  const proxy = await proxyOf(t, port)
  const { log, right, wrong } = await attempts(t, { REDIS_URL: proxy.url, LOGIN_LIMIT_PER_ACCOUNT: '3' })
  t.strictSame(statuses(await times(2, wrong)), { 401: 2 })
  t.equal(proxy.connections(), 1)
  proxy.freeze()
  t.equal((await wrong()).status, 401)
  t.match(failuresIn(log), [/: no answer within 1000 ms$/])
  await attemptUntil(wrong, () => isBack(log))
  t.equal(proxy.connections(), 2)
  t.equal((await right()).status, 429, 'Redis has kept the count')
})

t.test('a burst of commands is not a failure', { skip }, async (t) => {
  const { url } = await redis(t)
  const { fastify: { throttle }, log } = await attempts(t, { REDIS_URL: url })
  const rule = { key: 'burst', limit: 2000, windowSeconds: 900, counts: ['wrong'] }
  const results = await times(3000, async () => throttle.reserve([rule]))
  const reserved = results.filter(result => 'settle' in result)
  t.equal(reserved.length, 2000)
  await Promise.all(reserved.map(async ({ settle }) => settle('wrong')))
  const { client } = await redisClient(t, url)
  t.equal(await client.zCount('hasura-jwt-auth:burst', '+inf', '+inf'), 2000)
  t.strictSame(failuresIn(log), [])
})

t.test('the attempts in progress of a killed process stop counting after a minute', { skip }, async (t) => {
  const { url } = await redis(t)
  const { pass } = await redisClient(t, url)
  const killed = await attempts(t, { REDIS_URL: url })
  const { fastify: { throttle } } = await attempts(t, { REDIS_URL: url })
  const rule = { key: 'a', limit: 3, windowSeconds: 900, counts: ['wrong'] }
  for (let i = 0; i < 3; i++) t.match(await killed.fastify.throttle.reserve([rule]), { settle: Function })
  await killed.fastify.close()

  const refused = await throttle.reserve([rule])
  t.ok('retryAfterMilliseconds' in refused && refused.retryAfterMilliseconds <= minuteMs)
  await pass(minuteMs)
  const accepted = await throttle.reserve([rule])
  t.match(accepted, { settle: Function })
  if ('settle' in accepted) await accepted.settle('wrong')
  for (let i = 0; i < 2; i++) t.match(await throttle.reserve([rule]), { settle: Function })
  t.match(await throttle.reserve([rule]), { retryAfterMilliseconds: Number }, 'one counts and two are in progress')
})

t.test('an attempt whose outcome does not reach Redis is answered', { skip }, async (t) => {
  const { url, child } = await redis(t)
  const { fastify: { throttle }, log } = await attempts(t, { REDIS_URL: url })
  const reservation = await throttle.reserve([{ key: 'a', limit: 1, windowSeconds: 900, counts: ['wrong'] }])
  child.kill('SIGKILL')
  await once(child, 'exit')
  if ('settle' in reservation) await t.resolves(reservation.settle('wrong'))
  t.equal(failuresIn(log).length, 1)
})

t.test('every failure is named in the log, with a remedy and without the password', async (t) => {
  const password = 's3same/#?'
  const login = `:${encodeURIComponent(password)}@`
  const redisWith = async (...options: string[]) => (skip === false ? redis(t, undefined, options) : undefined)
  const plain = await redisWith()
  const protectedOne = await redisWith('--requirepass', password)
  const cluster = await redisWith('--cluster-enabled', 'yes')
  const limited = await redisWith('--user', 'default', 'on', `>${password}`, '~*', '+@all', '-eval')
  const tls = await listen(t, createTlsServer({}).on('tlsClientError', () => { /* a client without TLS */ }))
  const repeating = await listen(t, createServer((socket) => {
    socket.on('error', () => { socket.destroy() })
    socket.once('data', () => { socket.end(`-ERR unknown command \`HELLO\`, with args: \`AUTH\`, \`${password}\`\r\n`) })
  }))
  const silent = await listen(t, createServer((socket) => { t.teardown(() => socket.destroy()) }))
  const sentinel = await listen(t, createServer((socket) => {
    socket.on('error', () => { socket.destroy() })
    socket.on('data', (data) => { socket.write('%1\r\n+mode\r\n+sentinel\r\n'.repeat(String(data).match(/^\*/gm)?.length ?? 0)) })
  }))
  const useTls = /; REDIS_URL starts with rediss:\/\/ for a server with TLS, and with redis:\/\/ for one without$/
  const table: Array<[string, string | undefined, RegExp]> = [
    ['a wrong password', protectedOne && `redis://:wrong-s3same@127.0.0.1:${protectedOne.port}`,
      /: WRONGPASS .*; check the user name and the password in REDIS_URL$/],
    ['an unknown user', protectedOne && `redis://someone${login}127.0.0.1:${protectedOne.port}`, /: WRONGPASS .*; check the user name/],
    ['a missing password', protectedOne && `redis://127.0.0.1:${protectedOne.port}`, /: NOAUTH .*; check the user name/],
    ['a user without the right to run scripts', limited && `redis://${login}127.0.0.1:${limited.port}`, /: NOPERM .*eval/],
    ['TLS to a server without', plain && `rediss://127.0.0.1:${plain.port}`, useTls],
    ['TLS to a server that answers in plain text', `rediss://${login}127.0.0.1:${repeating}`, useTls],
    ['no TLS to a server with TLS', `redis://${login}127.0.0.1:${tls}`, useTls],
    ['an unknown host', `redis://${login}no-such-host.invalid`, /: getaddrinfo \w+ no-such-host\.invalid; check the host name/],
    ['a closed port', `redis://${login}127.0.0.1:${await freePort()}`, /: connect ECONNREFUSED 127\.0\.0\.1:\d+$/],
    ['a database that does not exist', plain && `redis://127.0.0.1:${plain.port}/99`, /: ERR DB index is out of range$/],
    ['a server that repeats the password', `redis://${login}127.0.0.1:${repeating}`, /: ERR unknown command .*`AUTH`, `\*\*\*`/],
    ['a server that says nothing', `redis://${login}127.0.0.1:${silent}`, /: no answer within 1000 ms$/],
    ['a cluster', cluster?.url, /: REDIS_URL leads to a Redis cluster, which is not supported$/],
    ['a sentinel', `redis://127.0.0.1:${sentinel}`, /: REDIS_URL leads to a Redis sentinel, which is not supported$/]
  ]
  for (const [title, url, message] of table) {
    await t.test(title, { skip: url === undefined && skip }, async (t) => {
      const { log, right, wrong } = await attempts(t, { REDIS_URL: String(url), LOGIN_LIMIT_PER_ACCOUNT: '1' })
      t.equal((await right()).status, 200)
      t.equal((await wrong()).status, 401)
      t.equal((await right()).status, 429)
      t.match(failuresIn(log), [message])
      t.equal(failuresIn(log).length, 1)
      t.notMatch(JSON.stringify(log()), /s3same/)
    })
  }
})
