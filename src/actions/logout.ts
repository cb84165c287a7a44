import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Done, MutationLogoutArgs } from '../generated/actions.ts'
import { EndSessionsDocument } from '../generated/operations.ts'
import type { User_Session_Bool_Exp } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { aliveAt } from '../sessions/alive.ts'
import { clearRefreshCookie } from '../sessions/refresh-cookie.ts'
import { requireSessions } from '../sessions/sessions.ts'

/** `Logout`: ends the session of the refresh token or, without one, of the access token. */
export async function logout (fastify: FastifyInstance): Promise<void> {
  const { callerOf, config, hasura } = fastify

  /** The condition of the session that the request names; undefined if it names none. */
  function namedSession (text: string | undefined, request: FastifyRequest): User_Session_Bool_Exp | undefined {
    if (text !== undefined) {
      const token = requireSessions(fastify).read(text)
      return token && { id: { _eq: token.sessionId } }
    }
    const caller = callerOf(request)
    if (caller?.sessionId === undefined) return undefined
    return { id: { _eq: caller.sessionId }, user_id: { _eq: caller.userId } }
  }

  registerAction<MutationLogoutArgs, Done>(fastify, {
    name: 'Logout',
    input: { refresh_token: { type: 'string', nullable: true }, everywhere: { type: 'boolean', nullable: true } },
    output: { ok: { type: 'boolean' } },
    async handler (input, { request, reply }) {
      const { sentToken } = requireSessions(fastify)
      const session = namedSession(sentToken(input.refresh_token, request), request)
      if (session !== undefined) {
        const now = new Date().toISOString()
        const where = input.everywhere === true ? { user: { sessions: { ...aliveAt(now), ...session } } } : session
        await hasura.request(EndSessionsDocument, { where, now, reason: 'logout' }, request)
      }
      if (config.REFRESH_COOKIE === 'on') clearRefreshCookie(reply)
      return { ok: true }
    }
  })
}
