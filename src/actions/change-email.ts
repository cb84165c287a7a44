import type { FastifyInstance } from 'fastify'
import { normalizeEmail } from '../email.ts'
import { ActionError } from '../errors.ts'
import type { Done, MutationChangeEmailArgs } from '../generated/actions.ts'
import { UserByEmailDocument } from '../generated/operations.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { requireMail } from '../mail/mail.ts'
import { isWithinLimits, mailRequestLimits } from '../mail/mail-limits.ts'
import { withVerifiedUser } from '../sessions/verified-user.ts'

/**
 * `ChangeEmail`: verifies the password and mails a link to the new email, which replaces the old one when the
 * link is used. If another user has the new email, that user gets a mail instead. The answer does not reveal it.
 */
export async function changeEmail (fastify: FastifyInstance): Promise<void> {
  const { hasura } = fastify

  registerSessionAction<MutationChangeEmailArgs, Done>(fastify, {
    name: 'ChangeEmail',
    input: { email: { type: 'string' }, password: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler (input, context) {
      const { enqueue, tokens } = requireMail(fastify)
      const email = normalizeEmail(input.email)

      return withVerifiedUser(fastify, context, input.password, 'input.password', async ({ user }) => {
        if (email === user.email) throw new ActionError('validation-failed', 'input.email is the email that you have')
        if (!await isWithinLimits(fastify, mailRequestLimits(fastify, context.request))) return { ok: true }
        enqueue(async () => {
          const { user: [owner] } = await hasura.request(UserByEmailDocument, { email })
          if (owner !== undefined) return { name: 'email-taken', to: owner.email }
          return { name: 'confirm-email', to: email, token: tokens.create('change', user, email) }
        })
        return { ok: true }
      })
    }
  })
}
