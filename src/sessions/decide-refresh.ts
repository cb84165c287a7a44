/** When a session was refreshed last, and how often. Times are milliseconds since 1970. */
export interface RefreshState { generation: number, refreshedAt: number }

/**
 * - `swap`: the session moves on by one generation, and the answer is the token of the new one.
 * - `again`: the token was exchanged a moment ago. The answer is the token of the current generation, once more.
 * - `keep`: the token is the current one, issued a moment ago. The answer has no refresh token: the client keeps it.
 * - `reuse`: an older token is used again, so somebody else has a copy. The session ends.
 * - `refuse`: the token is newer than the session, as after the database was restored from a backup.
 */
export type RefreshDecision = 'swap' | 'again' | 'keep' | 'reuse' | 'refuse'

/**
 * Decides what a refresh does to a session that is alive. `graphql/RefreshSession.graphql` and
 * `graphql/SessionInGrace.graphql` repeat these conditions, so that Hasura decides and changes the row in one step.
 *
 * A session moves on at most once per grace: all tabs of a browser, and a client that repeats a lost request, get the
 * same token.
 *
 * @param session - the row as it is
 * @param presented - the generation of the token
 * @param graceStart - now minus `REFRESH_GRACE_SECONDS`, in milliseconds since 1970
 */
export function decideRefresh (session: RefreshState, presented: number, graceStart: number): RefreshDecision {
  const { generation, refreshedAt } = session
  if (generation === presented) return refreshedAt <= graceStart ? 'swap' : 'keep'
  if (generation < presented) return 'refuse'
  if (generation === presented + 1 && refreshedAt >= graceStart) return 'again'
  return 'reuse'
}
