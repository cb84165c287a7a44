import { randomUUID } from 'node:crypto'
import { reservationMs } from './limit-rule.ts'
import type { LimitRule, LimitStore } from './limit-rule.ts'

/** Runs a Lua script in Redis. */
export type RunScript = (script: string, keys: string[], args: string[]) => Promise<unknown>

const prefix = 'hasura-jwt-auth:'

// Each key is a sorted set of attempts that expires with its window. The score of an attempt that counts is infinite.
// The score of an attempt in progress is the time at which it is given up, in milliseconds of Redis's own clock.

/** ARGV: an id for the attempt, reservationMs, then the limit and the window in milliseconds for each key. */
const reserveScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = 0
for i, key in ipairs(KEYS) do
  local limit = tonumber(ARGV[2 * i + 1])
  if redis.call('ZCOUNT', key, '(' .. now, '+inf') >= limit then
    local rest = redis.call('PTTL', key)
    if redis.call('ZCOUNT', key, '+inf', '+inf') < limit then rest = math.min(rest, ARGV[2]) end
    wait = math.max(wait, rest, 1)
  end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[2 * i + 2]) end
end
return 0`

/** ARGV: the id of the attempt, then `count`, `reset` or `release` for each key. A later window is not touched. */
const settleScript = `
for i, key in ipairs(KEYS) do
  local effect = ARGV[i + 1]
  if effect == 'count' then
    redis.call('ZADD', key, 'XX', '+inf', ARGV[1])
  elseif redis.call('ZREM', key, ARGV[1]) == 1 and effect == 'reset' then
    redis.call('ZREMRANGEBYSCORE', key, '+inf', '+inf')
  end
end`

function effectOf ({ counts, resetBy }: LimitRule, outcome: string): string {
  if (counts.includes(outcome)) return 'count'
  return outcome === resetBy ? 'reset' : 'release'
}

/** Counts in Redis, for all replicas together. Each step is one script: atomic, and one round trip. */
export function createRedisStore (run: RunScript): LimitStore {
  return {
    async reserve (rules) {
      const id = randomUUID()
      const keys = rules.map(({ key }) => prefix + key)
      const limits = rules.flatMap(({ limit, windowSeconds }) => [String(limit), String(windowSeconds * 1000)])
      const wait = Number(await run(reserveScript, keys, [id, String(reservationMs), ...limits]))
      if (wait > 0) return { retryAfterMilliseconds: wait }
      return {
        settle: async (outcome) => {
          await run(settleScript, keys, [id, ...rules.map(rule => effectOf(rule, outcome))])
        }
      }
    }
  }
}
