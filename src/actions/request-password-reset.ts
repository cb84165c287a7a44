import type { FastifyInstance } from 'fastify'
import { normalizeEmail } from '../email.ts'
import type { Done, MutationRequestPasswordResetArgs } from '../generated/actions.ts'
import { UserByEmailDocument } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { requireMail } from '../mail/mail.ts'
import { isWithinLimits, mailRequestLimits } from '../mail/mail-limits.ts'

/**
 * `RequestPasswordReset`: mails a link that sets a new password. The answer comes before the lookup, so neither its
 * bytes nor its time tell whether the account exists.
 */
export async function requestPasswordReset (fastify: FastifyInstance): Promise<void> {
  const { digest, hasura } = fastify

  registerAction<MutationRequestPasswordResetArgs, Done>(fastify, {
    name: 'RequestPasswordReset',
    input: { email: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler (input, { request }) {
      const { enqueue, tokens } = requireMail(fastify)
      const email = normalizeEmail(input.email)
      request.attempt.account = digest(email)

      if (!await isWithinLimits(fastify, mailRequestLimits(fastify, request))) return { ok: true }
      enqueue(async () => {
        const { user: [user] } = await hasura.request(UserByEmailDocument, { email })
        if (user === undefined || user.disabled_at !== null) return undefined
        return { name: 'reset-password', to: user.email, token: tokens.create('reset', user) }
      })
      return { ok: true }
    }
  })
}
