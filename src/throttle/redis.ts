import { randomUUID } from 'node:crypto'
import type { RedisClientType } from '@redis/client'
import type { LimitRule, LimitStore } from './limit-rule.ts'

/** One slot of a Redis Cluster for all keys, since a script sees several of them. */
const prefix = '{hasura-jwt-auth}:'

/** Per key a hash of `id` (of the window), `failed` and `flying`. ARGV: a new id, then limit and window of each key. */
const reserveScript = `
local wait = 0
for i, key in ipairs(KEYS) do
  local counts = redis.call('HMGET', key, 'failed', 'flying')
  if (tonumber(counts[1]) or 0) + (tonumber(counts[2]) or 0) >= tonumber(ARGV[2 * i]) then
    wait = math.max(wait, redis.call('PTTL', key), 1)
  end
end
if wait > 0 then return { wait } end
local ids = { 0 }
for i, key in ipairs(KEYS) do
  if redis.call('HSETNX', key, 'id', ARGV[1]) == 1 then redis.call('PEXPIRE', key, ARGV[2 * i + 1]) end
  redis.call('HINCRBY', key, 'flying', 1)
  ids[i + 1] = redis.call('HGET', key, 'id')
end
return ids`

/** ARGV per key: the id of its window, and `count`, `reset` or `return`. A later window stays as it is. */
const settleScript = `
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'id') == ARGV[2 * i - 1] then
    local flying = redis.call('HINCRBY', key, 'flying', -1)
    if ARGV[2 * i] == 'count' then redis.call('HINCRBY', key, 'failed', 1) end
    if ARGV[2 * i] == 'reset' then redis.call('HSET', key, 'failed', 0) end
    if flying == 0 and (tonumber(redis.call('HGET', key, 'failed')) or 0) == 0 then redis.call('DEL', key) end
  end
end`

function effectOf ({ counts, resetBy }: LimitRule, outcome: string): string {
  if (counts.includes(outcome)) return 'count'
  return outcome === resetBy ? 'reset' : 'return'
}

/** Counts in Redis, for all replicas together. Each step is one script: atomic, and one round trip. */
export function createRedisStore (client: Pick<RedisClientType, 'eval'>): LimitStore {
  return {
    async reserve (rules) {
      const keys = rules.map(({ key }) => prefix + key)
      const limits = rules.flatMap(({ limit, windowSeconds }) => [String(limit), String(windowSeconds * 1000)])
      const reply = await client.eval(reserveScript, { keys, arguments: [randomUUID(), ...limits] })
      const [wait, ...ids] = reply as [number, ...string[]]
      if (wait > 0) return { retryAfterMilliseconds: wait }
      return {
        settle: async (outcome) => {
          const effects = rules.flatMap((rule, index) => [String(ids[index]), effectOf(rule, outcome)])
          await client.eval(settleScript, { keys, arguments: effects })
        }
      }
    }
  }
}
