import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JsonWebToken, MutationChangePasswordArgs } from '../generated/actions.ts'
import { ChangePasswordDocument, ReplacePasswordDocument } from '../generated/operations.ts'
import type { TokenUserFragment } from '../generated/operations.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { normalizeNewPassword } from '../password/policy.ts'
import type { UserCondition } from '../sessions/alive.ts'
import { firstToken, jsonWebToken } from '../sessions/sessions.ts'
import { withVerifiedUser } from '../sessions/verified-user.ts'

/** `ChangePassword`: verifies the current password, stores the new one, ends all sessions and starts a new one. */
export async function changePassword (fastify: FastifyInstance): Promise<void> {
  const { hasura, jwt, refuseCommonPassword, sessions } = fastify

  /** Stores the new hash where `user` matches. Returns undefined if it matches nothing. */
  async function store (
    user: UserCondition, id: TokenUserFragment['id'], newHash: string, request: FastifyRequest, reply: FastifyReply
  ): Promise<JsonWebToken | undefined> {
    const variables = { user, user_id: id, new_hash: newHash, now: new Date().toISOString() }
    if (sessions === undefined) {
      const { update_user: update } = await hasura.request(ReplacePasswordDocument, variables, request)
      const [changed] = update?.returning ?? []
      return changed && { token: jwt.sign(changed) }
    }
    const session = sessions.create(id, request)
    const withSession = { ...variables, session, session_id: session.id }
    const { update_user: update } = await hasura.request(ChangePasswordDocument, withSession, request)
    const [changed] = update?.returning ?? []
    return changed && sessions.answer(changed, firstToken(session), reply)
  }

  registerSessionAction<MutationChangePasswordArgs, JsonWebToken>(fastify, {
    name: 'ChangePassword',
    input: { current_password: { type: 'string' }, new_password: { type: 'string' } },
    output: jsonWebToken,
    async handler (input, context) {
      const fresh = normalizeNewPassword(input.new_password, 'input.new_password')
      const current = input.current_password
      return withVerifiedUser(fastify, context, current, 'input.current_password', async ({ user, unchanged, slot }) => {
        refuseCommonPassword(fresh, user.email)
        const tokens = await store(unchanged, user.id, await slot.hash(fresh), context.request, context.reply)
        if (tokens !== undefined) fastify.mail?.send({ name: 'password-changed', to: user.email })
        return tokens
      })
    }
  })
}
