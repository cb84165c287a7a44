import type { FastifyInstance } from 'fastify'
import type { Done, MutationRevokeSessionArgs } from '../generated/actions.ts'
import { EndSessionsDocument } from '../generated/operations.ts'
import { isSessionId } from '../http/caller.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { callerAt } from '../sessions/alive.ts'
import { requireSessions } from '../sessions/sessions.ts'
import { findCaller } from '../sessions/verified-user.ts'

/** `RevokeSession`: ends a session of the caller. The answer does not reveal whether the id is known. */
export async function revokeSession (fastify: FastifyInstance): Promise<void> {
  const { hasura } = fastify

  registerSessionAction<MutationRevokeSessionArgs, Done>(fastify, {
    name: 'RevokeSession',
    input: { id: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler ({ id }, { caller, request }) {
      requireSessions(fastify)
      const now = new Date().toISOString()
      if (isSessionId(id)) {
        const where = { id: { _eq: id }, user: callerAt(caller, now) }
        const { update_user_session: ended } = await hasura.request(EndSessionsDocument, { where, now, reason: 'revoked' }, request)
        if (ended?.affected_rows === 1) return { ok: true }
      }
      // Nothing matched: either there is no such session, or the caller's own is not alive.
      await findCaller(fastify, { caller, request })
      return { ok: true }
    }
  })
}
