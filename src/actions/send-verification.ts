import type { FastifyInstance } from 'fastify'
import type { Done } from '../generated/actions.ts'
import { FindUserDocument } from '../generated/operations.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { requireMail } from '../mail/mail.ts'
import { isWithinLimits, mailRequestLimits } from '../mail/mail-limits.ts'
import { callerAt } from '../sessions/alive.ts'

/** `SendVerification`: mails a link that verifies the email. The answer comes before the lookup. */
export async function sendVerification (fastify: FastifyInstance): Promise<void> {
  const { hasura } = fastify

  registerSessionAction<Record<string, never>, Done>(fastify, {
    name: 'SendVerification',
    input: {},
    output: { ok: { type: 'boolean' } },
    async handler (_input, { caller, request }) {
      const { enqueue, tokens } = requireMail(fastify)
      if (!await isWithinLimits(fastify, mailRequestLimits(fastify, request))) return { ok: true }
      enqueue(async () => {
        const where = { ...callerAt(caller, new Date().toISOString()), email_verified_at: { _is_null: true } }
        const { user: [user] } = await hasura.request(FindUserDocument, { where })
        return user && { name: 'verify-email', to: user.email, token: tokens.create('verify', user) }
      })
      return { ok: true }
    }
  })
}
