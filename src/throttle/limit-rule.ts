/** A limit on one key, as data. */
export interface LimitRule {
  /** What is counted, for example `login:` and a digest of the email. */
  key: string
  /** Attempts in a window: those that counted and those in progress. */
  limit: number
  /** The first attempt opens the window. */
  windowSeconds: number
  /** The outcomes that count. An attempt with any other outcome is given back. */
  counts: readonly string[]
  /** The outcome that sets the count back to zero. */
  resetBy?: string
}

/** A reserved attempt. Its outcome decides whether it counts. */
export interface Reservation { settle: (outcome: string) => Promise<void> }

export type ReserveResult = Reservation | { retryAfterMilliseconds: number }

export interface LimitStore {
  /** Reserves an attempt under every rule, or under none if one limit is reached. */
  reserve: (rules: readonly LimitRule[]) => Promise<ReserveResult>
}

/**
 * Milliseconds for which an attempt can be in progress. Hasura waits 30 seconds for an action. After a minute, the
 * process that reserved the attempt was killed, or has lost its connection to Redis.
 */
export const reservationMs = 60_000
