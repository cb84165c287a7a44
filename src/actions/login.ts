import type { FastifyInstance, FastifyRequest } from 'fastify'
import { normalizeEmail } from '../email.ts'
import { ActionError, invalidCredentials } from '../errors.ts'
import type { JsonWebToken, MutationLoginArgs } from '../generated/actions.ts'
import { StartSessionDocument, UpdatePasswordDocument, UserByEmailDocument } from '../generated/operations.ts'
import type { UserByEmailQuery } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { passwordAttemptLimits } from '../password/attempt-limits.ts'
import type { PasswordSlot } from '../password/password.ts'
import { normalizePassword } from '../password/policy.ts'
import { verifyUser } from '../password/verify-user.ts'
import { jsonWebToken } from '../sessions/sessions.ts'
import type { NewSession } from '../sessions/sessions.ts'

type User = UserByEmailQuery['user'][number]

/** `Login`: verifies the password and answers with the tokens. */
export async function login (fastify: FastifyInstance): Promise<void> {
  const { digest, hasura, password: passwords, signIn } = fastify

  /** Returns false if the user has changed since the password was verified. */
  async function startSession (user: User, session: NewSession, request: FastifyRequest): Promise<boolean> {
    const variables = { ...session, email: user.email, verified_hash: user.password }
    const { update_user: update } = await hasura.request(StartSessionDocument, variables, request)
    return update?.affected_rows === 1
  }

  /**
   * Replaces a hash that was made with other parameters, but only if it is still the one that was verified: a new
   * password, or a hash that locks the user out, must stay. The login has succeeded, so a failure is only logged.
   */
  async function renewHash (
    user: User, slot: PasswordSlot, password: string, request: FastifyRequest
  ): Promise<void> {
    try {
      const variables = { id: user.id, verified_hash: user.password, new_hash: await slot.hash(password) }
      await hasura.request(UpdatePasswordDocument, variables, request)
    } catch (error) {
      // The queue is full, or the caller has disconnected: the next login replaces the hash.
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
        const { user: [found] } = await hasura.request(UserByEmailDocument, { email }, request)
        const { user, needsRehash } = await verifyUser(slot, found, password, input.password, request)
        request.attempt.userId = user.id
        return signIn(user, request, reply, async (session) => {
          if (session !== undefined && !await startSession(user, session, request)) return false
          if (needsRehash) await renewHash(user, slot, password, request)
          return true
        })
      }
      try {
        // A second attempt if the user has changed since the lookup: another login may have replaced the hash.
        const tokens = await attempt() ?? await attempt()
        if (tokens === undefined) throw invalidCredentials()
        return tokens
      } finally {
        slot.release()
      }
    }
  })
}
