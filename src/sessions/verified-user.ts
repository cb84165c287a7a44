import type { FastifyInstance, FastifyRequest } from 'fastify'
import { invalidCredentials, notAuthenticated } from '../errors.ts'
import { FindUserDocument } from '../generated/operations.ts'
import type { FindUserQuery, TokenUserFragment } from '../generated/operations.ts'
import { passwordAttemptLimits } from '../password/attempt-limits.ts'
import type { PasswordSlot } from '../password/password.ts'
import { normalizePassword } from '../password/policy.ts'
import { verifyUser } from '../password/verify-user.ts'
import type { LimitRule } from '../throttle/limit-rule.ts'
import { callerAt } from './alive.ts'
import type { UserCondition } from './alive.ts'

export type FoundUser = FindUserQuery['user'][number]

/** What an action of a caller works with. */
export interface CallerContext {
  caller: { userId: TokenUserFragment['id'], sessionId: string | undefined }
  request: FastifyRequest
  limit: (rules: LimitRule[]) => Promise<void>
}

interface VerifiedUser {
  user: FoundUser
  /** Matches the user while the session is alive, the hash is the verified one, and the user is not disabled. */
  unchanged: UserCondition
  slot: PasswordSlot
}

/**
 * Looks up the user who calls an action.
 *
 * @throws ActionError `not-authenticated` if the caller's session has ended, or the user was deleted
 */
export async function findCaller (
  { hasura }: FastifyInstance, { caller, request }: Pick<CallerContext, 'caller' | 'request'>
): Promise<FoundUser> {
  const variables = { where: callerAt(caller, new Date().toISOString()) }
  const { user: [user] } = await hasura.request(FindUserDocument, variables, request)
  if (user === undefined) throw notAuthenticated()
  return user
}

/**
 * Verifies the caller's password under the limits of a login, and then acts.
 *
 * @param name - the argument that holds the password, such as `input.password`
 * @param act - returns undefined if `unchanged` matched nothing. It then runs once more: a login may have renewed the
 *   hash, or the caller's session may have ended
 * @throws ActionError `not-authenticated`, `invalid-credentials`, `rate-limited` or `overloaded`
 */
export async function withVerifiedUser<Result> (
  fastify: FastifyInstance, context: CallerContext, password: string, name: string,
  act: (verified: VerifiedUser) => Promise<Result | undefined>
): Promise<Result> {
  const { caller, limit, request } = context
  const normalized = normalizePassword(password, name)
  const found = await findCaller(fastify, context)
  await limit(passwordAttemptLimits(fastify, fastify.digest(found.email), request))
  const slot = fastify.password.admit(request.callerGone)

  const attempt = async (user: FoundUser): Promise<Result | undefined> => {
    await verifyUser(slot, user, normalized, password, request)
    const unchanged = { ...callerAt(caller, new Date().toISOString()), password: { _eq: user.password } }
    return act({ user, unchanged, slot })
  }
  try {
    const result = await attempt(found) ?? await attempt(await findCaller(fastify, context))
    if (result === undefined) throw invalidCredentials()
    return result
  } finally {
    slot.release()
  }
}
