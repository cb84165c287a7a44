import type { LimitRule, LimitStore } from './limit-rule.ts'

interface Window { failed: number, inFlight: number, endsAt: number }

/** Share of the keys that is dropped when the store is full, so that it is not sorted for every new key. */
const droppedShare = 0.1

/**
 * Counts in this process.
 *
 * @param maxKeys - keys held at most; beyond it those with the lowest counts go first, so that a flood of new keys does
 *   not make an attacked account's count forgotten
 */
export function createMemoryStore (maxKeys: number): LimitStore {
  const windows = new Map<string, Window>()

  function open (key: string): Window | undefined {
    const window = windows.get(key)
    return window !== undefined && window.endsAt > Date.now() ? window : undefined
  }

  function makeRoom (): void {
    for (const [key, { endsAt }] of windows) if (endsAt <= Date.now()) windows.delete(key)
    // Room for many, also where some windows had ended: with room for a few the next key would scan them all again.
    const excess = windows.size - Math.floor(maxKeys * (1 - droppedShare))
    if (excess <= 0) return
    const count = ({ failed, inFlight }: Window): number => failed + inFlight
    const lowest = [...windows].sort(([, a], [, b]) => count(a) - count(b)).slice(0, excess)
    for (const [key] of lowest) windows.delete(key)
  }

  function enter ({ key, windowSeconds }: LimitRule): Window {
    const current = open(key)
    if (current !== undefined) {
      current.inFlight++
      return current
    }
    if (windows.size >= maxKeys) makeRoom()
    const window = { failed: 0, inFlight: 1, endsAt: Date.now() + windowSeconds * 1000 }
    windows.set(key, window)
    return window
  }

  function leave (window: Window, { key, counts, resetBy }: LimitRule, outcome: string): void {
    window.inFlight--
    if (counts.includes(outcome)) window.failed++
    if (outcome === resetBy) window.failed = 0
    // Nothing to remember; one that was dropped meanwhile may have a successor of its own.
    if (window.failed + window.inFlight === 0 && windows.get(key) === window) windows.delete(key)
  }

  return {
    async reserve (rules) {
      const full = rules.map(({ key, limit }) => {
        const window = open(key)
        return window !== undefined && window.failed + window.inFlight >= limit ? window.endsAt - Date.now() : 0
      })
      const retryAfterMilliseconds = Math.max(...full)
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
