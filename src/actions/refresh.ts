import type { FastifyInstance } from 'fastify'
import { Counter } from 'prom-client'
import type { JsonWebToken, MutationRefreshArgs } from '../generated/actions.ts'
import { RefreshSessionDocument, SessionInGraceDocument } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { invalidRefreshToken, jsonWebToken, requireSessions } from '../sessions/sessions.ts'

/** `Refresh`: exchanges a refresh token for a new access token (RFC 6749, section 6). */
export async function refresh (fastify: FastifyInstance): Promise<void> {
  const { hasura, metrics } = fastify
  const reuses = new Counter({
    registers: [metrics],
    name: 'hasura_jwt_auth_refresh_token_reuse_total',
    help: 'Sessions that ended because an old refresh token was used again'
  })

  registerAction<MutationRefreshArgs, JsonWebToken>(fastify, {
    name: 'Refresh',
    input: { refresh_token: { type: 'string', nullable: true } },
    output: jsonWebToken,
    async handler (input, { request, reply }) {
      const sessions = requireSessions(fastify)
      const token = sessions.read(sessions.sentToken(input.refresh_token, request))
      if (token === undefined) throw invalidRefreshToken()
      const { sessionId: id, generation } = token
      const next = { ...token, generation: generation + 1 }
      const { now, grace_start, idle_expires_at } = sessions.refreshTimes()

      // Hasura decides as decideRefresh does, which explains each case.
      const { swap, reuse } = await hasura.request(RefreshSessionDocument, {
        id, generation, next_generation: next.generation, now, grace_start, idle_expires_at
      }, request)
      const [swapped] = swap?.returning ?? []
      if (swapped !== undefined) {
        request.attempt.userId = swapped.user.id
        return sessions.answer(swapped.user, next, reply)
      }
      const [reused] = reuse?.returning ?? []
      if (reused !== undefined) {
        reuses.inc()
        request.attempt.userId = reused.user_id
        request.log.warn({ userId: reused.user_id, sessionId: id }, 'an old refresh token was used again: the session ends')
        throw invalidRefreshToken()
      }

      const { user_session: [session] } = await hasura.request(SessionInGraceDocument, {
        id, generations: [generation, next.generation], now, grace_start
      }, request)
      if (session === undefined) throw invalidRefreshToken()
      request.attempt.userId = session.user.id
      // The token is the current one. Repeated here, it could overwrite a newer one if this answer arrives late.
      if (session.generation === generation) return sessions.answerAccess(session.user, id)
      return sessions.answer(session.user, next, reply)
    }
  })
}
