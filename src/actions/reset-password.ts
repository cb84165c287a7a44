import type { FastifyInstance, FastifyRequest } from 'fastify'
import { invalidToken } from '../errors.ts'
import type { Done, MutationResetPasswordArgs } from '../generated/actions.ts'
import { FindUserDocument, ResetPasswordDocument } from '../generated/operations.ts'
import { parseUserId } from '../http/caller.ts'
import { registerAction } from '../http/register-action.ts'
import { requireMail } from '../mail/mail.ts'
import { mailedTokenLimits } from '../mail/mail-limits.ts'
import { isInState } from '../mail/mailed-token.ts'
import type { MailedToken } from '../mail/mailed-token.ts'
import { normalizeNewPassword } from '../password/policy.ts'
import type { FoundUser } from '../sessions/verified-user.ts'

/** `ResetPassword`: sets a new password with a mailed token. All sessions end, and nobody is signed in. */
export async function resetPassword (fastify: FastifyInstance): Promise<void> {
  const { hasura, password: passwords, refuseCommonPassword } = fastify

  /** Returns the user of a genuine token; undefined if it is forged, or the user's state has changed since. */
  async function findUser (token: MailedToken, request: FastifyRequest): Promise<FoundUser | undefined> {
    const id = parseUserId(token.userId)
    if (id === undefined) return undefined
    const { user: [user] } = await hasura.request(FindUserDocument, { where: { id: { _eq: id } } }, request)
    return user !== undefined && token.isBoundTo(user) ? user : undefined
  }

  async function store (user: FoundUser, password: string, request: FastifyRequest): Promise<boolean> {
    const slot = passwords.admit(request.callerGone)
    try {
      const { update_user: update } = await hasura.request(ResetPasswordDocument, {
        where: { id: { _eq: user.id }, ...isInState('reset', user) },
        user_id: user.id,
        new_hash: await slot.hash(password),
        now: new Date().toISOString()
      }, request)
      return update?.affected_rows === 1
    } finally {
      slot.release()
    }
  }

  registerAction<MutationResetPasswordArgs, Done>(fastify, {
    name: 'ResetPassword',
    input: { token: { type: 'string' }, password: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler (input, { limit, request }) {
      const { send, tokens } = requireMail(fastify)
      const password = normalizeNewPassword(input.password)
      await limit(mailedTokenLimits(fastify, request))

      const token = tokens.read('reset', input.token)
      const user = token && await findUser(token, request)
      if (user === undefined) throw invalidToken()
      request.attempt.userId = user.id
      refuseCommonPassword(password, user.email)

      // Of two uses at once, the write of only one matches.
      if (!await store(user, password, request)) throw invalidToken()
      send({ name: 'password-changed', to: user.email })
      return { ok: true }
    }
  })
}
