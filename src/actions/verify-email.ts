import type { FastifyInstance } from 'fastify'
import type { Done, MutationVerifyEmailArgs } from '../generated/actions.ts'
import { VerifyEmailDocument } from '../generated/operations.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { useCallersToken } from '../mail/callers-token.ts'

/** `VerifyEmail`: verifies the caller's email with a mailed token. */
export async function verifyEmail (fastify: FastifyInstance): Promise<void> {
  registerSessionAction<MutationVerifyEmailArgs, Done>(fastify, {
    name: 'VerifyEmail',
    input: { token: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler ({ token }, context) {
      await useCallersToken(fastify, context, 'verify', token, async ({ unchanged, now }) => {
        const variables = { where: unchanged, now }
        const { update_user: update } = await fastify.hasura.request(VerifyEmailDocument, variables, context.request)
        return update?.affected_rows
      })
      return { ok: true }
    }
  })
}
