import type { FindUserQueryVariables, TokenUserFragment, User_Session_Bool_Exp } from '../generated/operations.ts'

/** A condition on users. */
export type UserCondition = FindUserQueryVariables['where']

/**
 * The condition of a session that is alive: not ended, not expired, and its user is not disabled.
 *
 * @param now - ISO 8601
 */
export function aliveAt (now: string): User_Session_Bool_Exp {
  return {
    ended_at: { _is_null: true },
    idle_expires_at: { _gt: now },
    expires_at: { _gt: now },
    user: { disabled_at: { _is_null: true } }
  }
}

/**
 * The condition of the user who calls an action, and is not disabled. If the access token names a session, that session
 * must be alive.
 *
 * @param now - ISO 8601
 */
export function callerAt (
  { userId, sessionId }: { userId: TokenUserFragment['id'], sessionId: string | undefined }, now: string
): UserCondition {
  const isCaller = { id: { _eq: userId }, disabled_at: { _is_null: true } }
  return sessionId === undefined ? isCaller : { ...isCaller, sessions: { id: { _eq: sessionId }, ...aliveAt(now) } }
}
