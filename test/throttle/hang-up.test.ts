import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'
import { hash } from '@node-rs/argon2'
import t from 'tap'
import type { Test } from 'tap'
import { serverOf, service, settings } from '../support/service.ts'

const email = 'someone@test.com'
const password = 'the-right-password'
/** Slow hashes, so that a caller can hang up while one runs. */
const slow = { memoryCost: 32_768, timeCost: 8, parallelism: 1 }

/**
 * The service with one slow hash at a time and a limit of one attempt for each address, and callers on sockets who hang
 * up. Hasura answers nothing before `answer` is called.
 */
async function start (t: Test) {
  const user = { id: 7, password: await hash(password, slow), default_role: 'user', disabled_at: null, roles: [] }
  let isOpen = false
  const held: Array<() => void> = []
  const operations: string[] = []
  const hasura = await serverOf(t, (request, response) => {
    let body = ''
    request.on('data', (chunk) => { body += String(chunk) })
    request.on('end', () => {
      const operation = /(?:query|mutation) (\w+)/.exec(body)?.[1] ?? ''
      // The service compares the schema after listening.
      if (operation === 'Schema') {
        response.end('{"data":{}}')
        return
      }
      operations.push(operation)
      const data = { user: [user], insert_user_one: { ...user, email } }
      const send = (): void => { response.end(JSON.stringify({ data })) }
      if (isOpen) send()
      else held.push(send)
    })
  })
  const { fastify, log } = await service(t, {
    HASURA_GRAPHQL_ENDPOINT: hasura,
    CLIENT_ADDRESS_HEADER: 'x-client-address',
    PASSWORD_CONCURRENCY: '1',
    PASSWORD_QUEUE_MILLISECONDS: '25000',
    ARGON2_MEMORY_KIB: String(slow.memoryCost),
    ARGON2_PASSES: String(slow.timeCost),
    LOGIN_LIMIT_PER_ADDRESS: '1',
    SIGNUP_LIMIT_PER_ADDRESS: '1'
  })
  const url = await fastify.listen({ host: '127.0.0.1', port: 0 })

  const send = (path: string, address: string, input: object) => request(url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json', 'x-hasura-action-secret': settings.ACTION_SECRET, 'x-client-address': address
    }
  }).end(JSON.stringify({ input: { email, password: 'a-wrong-password', ...input } }))

  const outcomes = () => log().filter(({ event }) => event !== undefined).map(({ outcome }) => outcome)
  return {
    held,
    operations,
    outcomes,
    gauge: async (name: string): Promise<number | undefined> => (
      (await fastify.metrics.getSingleMetric(`hasura_jwt_auth_password_${name}`)?.get())?.values[0]?.value
    ),
    answer: () => {
      isOpen = true
      for (const send of held) send()
    },
    /** The status of an attempt, once the address has no other attempt in progress. */
    statusOf: async (path: string, address: string, input: object = {}): Promise<number> => {
      for (;;) {
        const [response] = await once(send(path, address, input), 'response') as [IncomingMessage]
        response.resume()
        const { statusCode = 0, headers } = response
        // A limit that an attempt in progress has reached ends within a minute. Windows are longer.
        if (statusCode !== 429 || Number(headers['retry-after']) > 60) return statusCode
      }
    },
    /** Sends a request, hangs up when `condition` holds, and returns when the service has noticed it. */
    hangUpWhen: async (condition: () => Promise<boolean>, path: string, address: string, input: object = {}) => {
      const caller = send(path, address, input).on('error', () => { /* it hangs up */ })
      await until(condition)
      const before = outcomes().length
      caller.destroy()
      await until(async () => outcomes().length > before)
    }
  }
}

async function until (condition: () => Promise<boolean>): Promise<void> {
  while (!await condition()) await after(1)
}

for (const path of ['/login', '/signup']) {
  t.test(`${path}: a caller that disconnects after the hash has begun counts as an attempt`, async (t) => {
    const { answer, gauge, hangUpWhen, operations, outcomes, statusOf } = await start(t)
    answer()
    await hangUpWhen(async () => await gauge('hashes_running') === 1, path, '192.0.2.1')
    t.strictSame(outcomes(), ['gone'])
    t.equal(await statusOf(path, '192.0.2.1'), 429)
    t.equal(operations.length, 1)
  })

  t.test(`${path}: a caller that disconnects while the hash waits does not count`, async (t) => {
    const { answer, gauge, hangUpWhen, operations, outcomes, statusOf } = await start(t)
    answer()
    const first = statusOf('/login', '192.0.2.9', { password })
    await until(async () => await gauge('hashes_running') === 1)
    await hangUpWhen(async () => await gauge('queue_length') === 1, path, '192.0.2.1')
    t.strictSame(outcomes(), ['gone'])
    t.equal(await gauge('queue_length'), 0)
    t.equal(await first, 200)
    t.strictSame(operations, path === '/login' ? ['UserByEmail', 'UserByEmail'] : ['UserByEmail'])
    t.equal(await statusOf(path, '192.0.2.1', { password }), 200)
  })
}

t.test('/login: a caller that disconnects during the call to Hasura does not count', async (t) => {
  const { answer, hangUpWhen, held, outcomes, statusOf } = await start(t)
  await hangUpWhen(async () => held.length === 1, '/login', '192.0.2.1')
  t.strictSame(outcomes(), ['gone'])
  answer()
  t.equal(await statusOf('/login', '192.0.2.1'), 401)
})
