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
