import { randomUUID } from 'node:crypto'
import type { RedisClientType } from '@redis/client'
import type { Counter, Store } from './memory.ts'

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

/** ARGV: the outcome, then for each key the id of its window and whether it is cleared. A later window is let be. */
const settleScript = `
for i, key in ipairs(KEYS) do
  if redis.call('HGET', key, 'id') == ARGV[2 * i] then
    local flying = redis.call('HINCRBY', key, 'flying', -1)
    if ARGV[1] == 'failed' then redis.call('HINCRBY', key, 'failed', 1) end
    if ARGV[1] == 'succeeded' and ARGV[2 * i + 1] == 'true' then redis.call('HSET', key, 'failed', 0) end
    if flying == 0 and (tonumber(redis.call('HGET', key, 'failed')) or 0) == 0 then redis.call('DEL', key) end
  end
end`

/** Counts in Redis, for all replicas together: each step is one script, atomic and one round trip. */
export function createRedisStore (client: Pick<RedisClientType, 'eval'>): Store {
  return {
    async reserve (counters: Counter[]) {
      const keys = counters.map(({ key }) => prefix + key)
      const limits = counters.flatMap(({ limit, windowSeconds }) => [String(limit), String(windowSeconds * 1000)])
      const reply = await client.eval(reserveScript, { keys, arguments: [randomUUID(), ...limits] })
      const [wait, ...ids] = reply as [number, ...string[]]
      if (wait > 0) return { retryAfterMilliseconds: wait }
      return {
        settle: async (outcome) => {
          const windows = counters.flatMap(({ isCleared }, index) => [String(ids[index]), String(isCleared)])
          await client.eval(settleScript, { keys, arguments: [outcome, ...windows] })
        }
      }
    }
  }
}
