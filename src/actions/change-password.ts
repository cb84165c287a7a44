import type { FastifyInstance } from 'fastify'
import type { JsonWebToken, MutationChangePasswordArgs } from '../generated/actions.ts'
import { ChangePasswordDocument, ReplacePasswordDocument } from '../generated/operations.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { normalizeNewPassword } from '../password/policy.ts'
import { jsonWebToken } from '../sessions/sessions.ts'
import { withVerifiedUser } from '../sessions/verified-user.ts'

/** `ChangePassword`: verifies the current password, stores the new one, ends all sessions and starts a new one. */
export async function changePassword (fastify: FastifyInstance): Promise<void> {
  const { hasura, refuseCommonPassword, signIn } = fastify

  registerSessionAction<MutationChangePasswordArgs, JsonWebToken>(fastify, {
    name: 'ChangePassword',
    input: { current_password: { type: 'string' }, new_password: { type: 'string' } },
    output: jsonWebToken,
    async handler (input, context) {
      const { request, reply } = context
      const fresh = normalizeNewPassword(input.new_password, 'input.new_password')
      const current = input.current_password
      return withVerifiedUser(fastify, context, current, 'input.current_password', async ({ user, unchanged, slot }) => {
        refuseCommonPassword(fresh, user.email)
        const change = { user: unchanged, user_id: user.id, new_hash: await slot.hash(fresh) }
        const tokens = await signIn(user, request, reply, async (session) => {
          const { update_user: update } = session === undefined
            ? await hasura.request(ReplacePasswordDocument, { ...change, now: new Date().toISOString() }, request)
            : await hasura.request(ChangePasswordDocument, { ...change, ...session }, request)
          return update?.affected_rows === 1
        })
        if (tokens !== undefined) fastify.mail?.send({ name: 'password-changed', to: user.email })
        return tokens
      })
    }
  })
}
