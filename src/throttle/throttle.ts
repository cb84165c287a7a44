import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { createClient } from '@redis/client'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError, tryAgainLater } from '../errors.ts'
import { createMemoryStore } from './memory.ts'
import type { Counter, Outcome, Store } from './memory.ts'
import { createRedisStore } from './redis.ts'
import { ConfigError } from '../config.ts'

declare module 'fastify' {
  interface FastifyInstance {
    throttle: {
      /**
       * Runs the verification of a password with its place taken beforehand, so that of any burst no more than the
       * limit get as far as a hash.
       *
       * @param account - a keyed digest of the email
       * @param verify - resolves to undefined where email or password are wrong; only that counts as a failure. Where
       *   it throws, nothing is known about the password, and the place is given back
       * @throws ActionError `rate-limited`, at no cost and without being counted
       */
      login: <Result>(
        request: FastifyRequest, account: string, verify: () => Promise<Result | undefined>
      ) => Promise<Result | undefined>
      /**
       * Runs a sign-up with its place taken beforehand. What Hasura answered counts, a taken email too, and also where
       * the caller is gone by then: the account is there.
       *
       * @throws ActionError `rate-limited`
       */
      signup: <Result>(request: FastifyRequest, create: () => Promise<Result>) => Promise<Result>
    }
  }
}

/** Milliseconds after which memory takes over from a Redis that does not answer. */
const redisDeadline = 500
/** Milliseconds after a failure until Redis is tried again. */
const redisRest = 1000

/** The client's own limit is one of waiting to be sent, and not of waiting for the answer. */
async function inTime<Result> (command: Promise<Result>): Promise<Result> {
  const late = after(redisDeadline, undefined, { ref: false }).then(() => { throw new Error('no answer in time') })
  return Promise.race([command, late])
}

/** Uses Redis, and memory for as long as Redis fails; the log says so once. */
function withFallback (redis: Store, memory: Store, log: FastifyBaseLogger): Store {
  let isDown = false
  let tryAgainAt = 0
  const failed = (error: unknown): void => {
    if (!isDown) log.error({ err: error }, 'Redis failed: attempts are counted in the memory of this process')
    isDown = true
    tryAgainAt = Date.now() + redisRest
  }
  return {
    async reserve (counters) {
      // One that hangs would else keep every attempt waiting; a single one finds out whether it still does.
      if (Date.now() < tryAgainAt) return memory.reserve(counters)
      if (isDown) tryAgainAt = Date.now() + redisRest
      const reserving = redis.reserve(counters)
      try {
        const reservation = await inTime(reserving)
        if (isDown) log.info('Redis is back')
        isDown = false
        tryAgainAt = 0
        if ('retryAfterMilliseconds' in reservation) return reservation
        // A place that cannot be given back is free again when its window ends.
        return { settle: async outcome => inTime(reservation.settle(outcome)).catch(failed) }
      } catch (error) {
        failed(error)
        // A place that Redis takes after all is not used: memory has one for this attempt.
        reserving.then(async late => 'settle' in late && late.settle('returned')).catch(() => { /* it is known by now */ })
        return memory.reserve(counters)
      }
    }
  }
}

function createRedisClient (url: string) {
  try {
    return createClient({
      url, disableOfflineQueue: true, commandsQueueMaxLength: 1000, socket: { connectTimeout: redisDeadline }
    })
  } catch {
    // The client's own message quotes the URL, which may hold a password.
    throw new ConfigError('REDIS_URL', 'is not a URL of Redis: use one such as redis://redis:6379')
  }
}

async function createStore (fastify: FastifyInstance): Promise<Store> {
  const { REDIS_URL: url, THROTTLE_MAX_KEYS } = fastify.config
  const memory = createMemoryStore(THROTTLE_MAX_KEYS)
  if (url === undefined) return memory
  const client = createRedisClient(url)
  // The store reports what fails; without a listener it would end the process.
  client.on('error', () => { /* reported by the next attempt */ })
  fastify.addHook('onClose', async () => { client.destroy() })
  // A Redis that is not there yet does not keep sign-in from starting: the client goes on trying.
  await Promise.race([client.connect(), once(client, 'error'), after(redisDeadline, undefined, { ref: false })])
  return withFallback(createRedisStore(client), memory, fastify.log)
}

async function throttle (fastify: FastifyInstance): Promise<void> {
  const { config, digest, clientAddress } = fastify
  const store = await createStore(fastify)

  async function run<Result> (
    counters: Counter[], work: () => Promise<Result>,
    outcomeOf: (result: PromiseSettledResult<Result>) => Outcome
  ): Promise<Result> {
    if (counters.length === 0) return work()
    const reservation = await store.reserve(counters)
    if ('retryAfterMilliseconds' in reservation) {
      throw tryAgainLater('rate-limited', 'Too many attempts', reservation.retryAfterMilliseconds)
    }
    const [result] = await Promise.allSettled([work()])
    await reservation.settle(outcomeOf(result))
    if (result.status === 'rejected') throw result.reason
    return result.value
  }

  function loginCounters (account: string, address: string | undefined): Counter[] {
    const limit = { limit: config.LOGIN_LIMIT_PER_ACCOUNT, windowSeconds: config.LOGIN_WINDOW_SECONDS, isCleared: true }
    // Without an address an account's limit is one for all callers: there is never one bucket for everybody.
    const withoutAddress = { ...limit, key: `login:${account}` }
    if (config.CLIENT_ADDRESS_HEADER === undefined) return [withoutAddress]
    const ceiling = {
      key: `login:${account}:ceiling`,
      limit: config.LOGIN_CEILING_PER_ACCOUNT,
      windowSeconds: config.LOGIN_CEILING_WINDOW_SECONDS,
      isCleared: true
    }
    if (address === undefined) return [withoutAddress, ceiling]
    return [
      { ...limit, key: `login:${account}:${digest(address)}` },
      ceiling,
      {
        key: `login-address:${digest(address)}`,
        limit: config.LOGIN_LIMIT_PER_ADDRESS,
        windowSeconds: config.LOGIN_WINDOW_SECONDS,
        isCleared: false
      }
    ]
  }

  fastify.decorate('throttle', {
    async login (request, account, verify) {
      const counters = loginCounters(account, clientAddress(request))
      return run(counters, verify, (result) => {
        // Whoever is gone has learnt nothing.
        if (result.status === 'rejected' || request.callerGone.aborted) return 'returned'
        return result.value === undefined ? 'failed' : 'succeeded'
      })
    },

    async signup (request, create) {
      const address = clientAddress(request)
      const counters = address === undefined
        ? []
        : [{
            key: `signup-address:${digest(address)}`,
            limit: config.SIGNUP_LIMIT_PER_ADDRESS,
            windowSeconds: config.SIGNUP_WINDOW_SECONDS,
            isCleared: false
          }]
      return run(counters, create, (result) => {
        const isAnswer = result.status === 'fulfilled'
          || (result.reason instanceof ActionError && result.reason.code === 'constraint-violation')
        return isAnswer ? 'failed' : 'returned'
      })
    }
  })
}

export default fp(throttle, { name: 'throttle', fastify: '5.x', dependencies: ['config', 'digest', 'client-address'] })
