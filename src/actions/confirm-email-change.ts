import type { FastifyInstance } from 'fastify'
import type { Done, MutationConfirmEmailChangeArgs } from '../generated/actions.ts'
import { ConfirmEmailChangeDocument } from '../generated/operations.ts'
import { explainTakenEmail } from '../hasura/taken-email.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { useCallersToken } from '../mail/callers-token.ts'

/** `ConfirmEmailChange`: replaces the caller's email with the one of a mailed token. All sessions end. */
export async function confirmEmailChange (fastify: FastifyInstance): Promise<void> {
  const { hasura, mail } = fastify

  registerSessionAction<MutationConfirmEmailChangeArgs, Done>(fastify, {
    name: 'ConfirmEmailChange',
    input: { token: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler ({ token }, context) {
      await useCallersToken(fastify, context, 'change', token, async ({ user, payload, unchanged, now }) => {
        const variables = { where: unchanged, user_id: user.id, email: payload, now }
        try {
          const { update_user: update } = await hasura.request(ConfirmEmailChangeDocument, variables, context.request)
          if (update?.affected_rows === 1) mail?.send({ name: 'email-changed', to: user.email, newEmail: payload })
          return update?.affected_rows
        } catch (error) {
          // Somebody has taken the email since the mail was sent.
          throw explainTakenEmail(error)
        }
      })
      return { ok: true }
    }
  })
}
