import { once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { createClient } from '@redis/client'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { LimitStore } from './limit-rule.ts'
import { createMemoryStore } from './memory.ts'
import { createRedisStore } from './redis.ts'
import { ConfigError } from '../config.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Reserves attempts under limits. It knows neither actions nor error codes: both are in the rules. */
    throttle: LimitStore
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
function withFallback (redis: LimitStore, memory: LimitStore, log: FastifyBaseLogger): LimitStore {
  let isDown = false
  let tryAgainAt = 0
  const failed = (error: unknown): void => {
    if (!isDown) log.error({ err: error }, 'Redis failed: attempts are counted in the memory of this process')
    isDown = true
    tryAgainAt = Date.now() + redisRest
  }
  return {
    async reserve (rules) {
      // One that hangs would else keep every attempt waiting; a single one finds out whether it still does.
      if (Date.now() < tryAgainAt) return memory.reserve(rules)
      if (isDown) tryAgainAt = Date.now() + redisRest
      const reserving = redis.reserve(rules)
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
        return memory.reserve(rules)
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

async function createStore (fastify: FastifyInstance): Promise<LimitStore> {
  const { REDIS_URL: url } = fastify.config
  const memory = createMemoryStore()
  if (url === undefined) return memory
  const client = createRedisClient(url)
  // The store reports what fails; without a listener it would end the process.
  client.on('error', () => { /* reported by the next attempt */ })
  fastify.addHook('onClose', async () => { client.destroy() })
  // A Redis that is not there yet does not keep sign-in from starting: the client goes on trying.
  await Promise.race([client.connect(), once(client, 'error'), after(redisDeadline, undefined, { ref: false })])
  return withFallback(createRedisStore(client), memory, fastify.log)
}

/** `fastify.throttle`: counts in Redis if `REDIS_URL` is set, otherwise in the memory of this process. */
async function throttle (fastify: FastifyInstance): Promise<void> {
  fastify.decorate('throttle', await createStore(fastify))
}

export default fp(throttle, { name: 'throttle', fastify: '5.x', dependencies: ['config'] })
