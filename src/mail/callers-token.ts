import type { FastifyInstance } from 'fastify'
import { invalidToken } from '../errors.ts'
import { callerAt } from '../sessions/alive.ts'
import type { UserCondition } from '../sessions/alive.ts'
import { findCaller } from '../sessions/verified-user.ts'
import type { CallerContext, FoundUser } from '../sessions/verified-user.ts'
import { requireMail } from './mail.ts'
import { mailedTokenLimits } from './mail-limits.ts'
import { isInState } from './mailed-token.ts'
import type { Purpose } from './mailed-token.ts'

interface GenuineToken {
  user: FoundUser
  payload: string
  /** Matches the user while the caller's session is alive and the state is the one that the token is bound to. */
  unchanged: UserCondition
  /** ISO 8601. */
  now: string
}

/**
 * Uses a mailed token, which must be one of the caller's own: a link must do nothing for the person who sent it to
 * somebody else.
 *
 * @param text - the token as sent
 * @param act - writes where `unchanged` matches, and returns the number of users that it changed
 * @throws ActionError `invalid-token`, `not-authenticated` or `rate-limited`
 */
export async function useCallersToken (
  fastify: FastifyInstance, context: CallerContext, purpose: Purpose, text: string,
  act: (token: GenuineToken) => Promise<number | undefined>
): Promise<void> {
  const { caller, limit, request } = context
  const { tokens } = requireMail(fastify)
  await limit(mailedTokenLimits(fastify, request))

  const token = tokens.read(purpose, text)
  if (token?.userId !== String(caller.userId)) throw invalidToken()
  const user = await findCaller(fastify, context)
  if (!token.isBoundTo(user)) throw invalidToken()

  const now = new Date().toISOString()
  const unchanged = { _and: [callerAt(caller, now), isInState(purpose, user)] }
  if (await act({ user, payload: token.payload, unchanged, now }) === 1) return
  // Either the session has ended, or the token has just been used.
  await findCaller(fastify, context)
  throw invalidToken()
}
