import type { FastifyInstance, FastifyRequest } from 'fastify'
import { claimsOf } from '../claims.ts'
import { ActionError } from '../errors.ts'
import type { JsonWebToken, MutationLoginArgs } from '../generated/actions.ts'
import { UpdatePasswordDocument, UserByEmailDocument } from '../generated/operations.ts'
import type { UpdatePasswordMutationVariables } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { checkPasswordLength, normalizeEmail, normalizePassword } from '../password/policy.ts'
import { toHasuraClaims } from '../jwt/custom-claims.ts'

/** `Login`: verifies the password and answers with an access token. */
export async function login (fastify: FastifyInstance): Promise<void> {
  const { digest, hasura, jwt, password: passwords, throttle } = fastify

  /** Replaces a hash of other parameters than today's. The login has succeeded already, and a failure only waits. */
  async function rehash (
    id: UpdatePasswordMutationVariables['id'], password: string, request: FastifyRequest
  ): Promise<void> {
    try {
      const renewed = await passwords.hash(password, request.callerGone)
      await hasura.request(UpdatePasswordDocument, { id, password: renewed }, request)
    } catch (error) {
      // Too busy, or the caller has gone: the next login does it.
      if (error instanceof ActionError && error.statusCode < 500) return
      request.log.error({ err: error, userId: id }, 'the password could not be hashed again')
    }
  }

  registerAction<MutationLoginArgs, JsonWebToken>(fastify, {
    name: 'Login',
    input: { email: { type: 'string' }, password: { type: 'string' } },
    output: { token: { type: 'string' } },
    async handler (input, request) {
      const email = normalizeEmail(input.email)
      const password = normalizePassword(input.password)
      checkPasswordLength(password)
      const account = digest(email)
      request.attempt.account = account

      const verified = await throttle.login(request, account, async () => {
        // Also without a user: an unknown email takes as long as a wrong password.
        const find = async () => (await hasura.request(UserByEmailDocument, { email }, request)).user[0]
        const verdict = await passwords.verify(password, find, input.password, request.callerGone)
        const { owner: user, matches, needsRehash, unreadable } = verdict
        if (unreadable) request.log.error({ userId: user?.id }, 'the stored password hash cannot be read')
        return user !== undefined && matches ? { user, needsRehash } : undefined
      })
      if (verified === undefined) throw new ActionError('invalid-credentials', 'Invalid credentials')
      const { user, needsRehash } = verified
      request.attempt.userId = user.id
      const roles = user.roles.map(({ role }) => role)
      const claims = toHasuraClaims(claimsOf(user))
      const token = jwt.sign({ id: user.id, defaultRole: user.default_role, roles, claims })
      // Last, so that an id that is not the user's own has failed by now.
      if (needsRehash) await rehash(user.id, password, request)
      return { token }
    }
  })
}
