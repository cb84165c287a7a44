import { reservationMs } from './limit-rule.ts'
import type { LimitRule, LimitStore } from './limit-rule.ts'

interface Window { counted: number, inProgress: number, endsAt: number }

/** Keys held at most, below 50 MB. An attacker who invents emails and addresses cannot make the store larger. */
const maxKeys = 100_000

/** Share of the keys that is dropped when the store is full, so that it is not sorted for every new key. */
const droppedShare = 0.1

/**
 * Counts in this process, on its monotonic clock. A full store drops the keys with the lowest counts first, so that a
 * flood of new keys does not clear the count of an attacked account.
 */
export function createMemoryStore (): LimitStore {
  const windows = new Map<string, Window>()

  function find (key: string): Window | undefined {
    const window = windows.get(key)
    return window !== undefined && window.endsAt > performance.now() ? window : undefined
  }

  function makeRoom (): void {
    const now = performance.now()
    for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key)
    // Also if ended windows were removed: without enough room, the next new keys would scan all windows again.
    const excess = windows.size - Math.floor(maxKeys * (1 - droppedShare))
    if (excess <= 0) return
    const count = ({ counted, inProgress }: Window): number => counted + inProgress
    const lowest = [...windows].sort(([, a], [, b]) => count(a) - count(b)).slice(0, excess)
    for (const [key] of lowest) windows.delete(key)
  }

  function enter ({ key, windowSeconds }: LimitRule): Window {
    const current = find(key)
    if (current !== undefined) {
      current.inProgress++
      return current
    }
    if (windows.size >= maxKeys) makeRoom()
    const window = { counted: 0, inProgress: 1, endsAt: performance.now() + windowSeconds * 1000 }
    windows.set(key, window)
    return window
  }

  function leave (window: Window, { key, counts, resetBy }: LimitRule, outcome: string): void {
    window.inProgress--
    if (counts.includes(outcome)) window.counted++
    if (outcome === resetBy) window.counted = 0
    // A window that was dropped or has ended may have been replaced by a new one under the same key.
    if (window.counted + window.inProgress === 0 && windows.get(key) === window) windows.delete(key)
  }

  function millisecondsToWait ({ key, limit }: LimitRule): number {
    const window = find(key)
    if (window === undefined || window.counted + window.inProgress < limit) return 0
    const rest = window.endsAt - performance.now()
    return window.counted < limit ? Math.min(rest, reservationMs) : rest
  }

  return {
    async reserve (rules) {
      const retryAfterMilliseconds = Math.max(...rules.map(millisecondsToWait))
      if (retryAfterMilliseconds > 0) return { retryAfterMilliseconds }

      const entered = rules.map((rule): [Window, LimitRule] => [enter(rule), rule])
      return {
        settle: async (outcome) => {
          for (const [window, rule] of entered) leave(window, rule, outcome)
        }
      }
    }
  }
}
