import type { FastifyInstance, FastifyRequest } from 'fastify'
import { normalizeEmail } from '../email.ts'
import { ActionError, invalidCredentials } from '../errors.ts'
import type { JsonWebToken, MutationLoginArgs } from '../generated/actions.ts'
import { UpdatePasswordDocument, UserByEmailDocument } from '../generated/operations.ts'
import type { UserByEmailQuery } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { passwordAttemptLimits } from '../password/attempt-limits.ts'
import type { PasswordSlot } from '../password/password.ts'
import { normalizePassword } from '../password/policy.ts'
import { jsonWebToken } from '../sessions/sessions.ts'

type User = UserByEmailQuery['user'][number]

/** `Login`: verifies the password and answers with the tokens. */
export async function login (fastify: FastifyInstance): Promise<void> {
  const { digest, hasura, password: passwords, signIn } = fastify

  /**
   * Replaces a hash of other parameters than today's, if it is still the one that was verified: a new password, or a
   * hash that locks the user out, must stay. A failure is logged: the login has succeeded already.
   */
  async function renewHash (
    user: User, slot: PasswordSlot, password: string, request: FastifyRequest
  ): Promise<void> {
    try {
      const variables = { id: user.id, verified_hash: user.password, new_hash: await slot.hash(password) }
      await hasura.request(UpdatePasswordDocument, variables, request)
    } catch (error) {
      // Too busy, or the caller has disconnected: the next login does it.
      if (error instanceof ActionError && error.statusCode < 500) return
      request.log.error({ err: error, userId: user.id }, 'the password could not be hashed again')
    }
  }

  registerAction<MutationLoginArgs, JsonWebToken>(fastify, {
    name: 'Login',
    input: { email: { type: 'string' }, password: { type: 'string' } },
    output: jsonWebToken,
    async handler (input, { request, reply, limit }) {
      const email = normalizeEmail(input.email)
      const password = normalizePassword(input.password)
      const account = digest(email)
      request.attempt.account = account

      await limit(passwordAttemptLimits(fastify, account, request))
      const slot = passwords.admit(request.callerGone)
      const attempt = async (): Promise<JsonWebToken | undefined> => {
        const { user: [user] } = await hasura.request(UserByEmailDocument, { email }, request)
        // Also without a user: an unknown email takes as long as a wrong password.
        const verdict = await slot.verify(password, user?.password, input.password)
        if (verdict.unreadable !== undefined) {
          request.log.error({ err: verdict.unreadable, userId: user?.id }, 'the stored password hash cannot be read')
        }
        if (user === undefined || !verdict.matches || user.disabled_at !== null) throw invalidCredentials()

        request.attempt.userId = user.id
        const tokens = await signIn(user, request, reply)
        // After the tokens, which reject an id that JSON has rounded: the write must not hit another user.
        if (tokens !== undefined && verdict.needsRehash) await renewHash(user, slot, password, request)
        return tokens
      }
      try {
        // Once more if the user changed after the lookup: another login may have renewed the hash.
        const tokens = await attempt() ?? await attempt()
        if (tokens === undefined) throw invalidCredentials()
        return tokens
      } finally {
        slot.release()
      }
    }
  })
}
