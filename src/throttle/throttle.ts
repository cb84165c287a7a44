import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { LimitStore } from './limit-rule.ts'
import { createMemoryStore } from './memory.ts'
import { connectToRedis } from './redis-connection.ts'
import { createRedisStore } from './redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Reserves attempts under limits. It knows neither actions nor error codes: both are in the rules. */
    throttle: LimitStore
  }
}

/** Counts in Redis, and in memory while Redis fails. */
function withFallback (redis: LimitStore, memory: LimitStore): LimitStore {
  return {
    async reserve (rules) {
      try {
        const result = await redis.reserve(rules)
        if ('retryAfterMilliseconds' in result) return result
        // The connection has logged the failure. The reservation expires.
        return { settle: async outcome => result.settle(outcome).catch(() => undefined) }
      } catch {
        return memory.reserve(rules)
      }
    }
  }
}

async function createStore (fastify: FastifyInstance): Promise<LimitStore> {
  const memory = createMemoryStore()
  const { REDIS_URL: server } = fastify.parsed
  if (server === undefined) return memory
  const { run, close } = await connectToRedis(server, fastify.log)
  fastify.addHook('onClose', async () => { close() })
  return withFallback(createRedisStore(run), memory)
}

/** `fastify.throttle`: counts in Redis if `REDIS_URL` is set, otherwise in the memory of this process. */
async function throttle (fastify: FastifyInstance): Promise<void> {
  fastify.decorate('throttle', await createStore(fastify))
}

export default fp(throttle, { name: 'throttle', fastify: '5.x', dependencies: ['config'] })
