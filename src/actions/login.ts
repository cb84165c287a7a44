import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { ActionError } from '../errors.ts'
import type { JsonWebToken, MutationLoginArgs } from '../generated/actions.ts'
import { UpdatePasswordDocument, UserByEmailDocument } from '../generated/operations.ts'
import { registerAction } from './action.ts'
import { checkPasswordLength, normalizeEmail, normalizePassword } from './credentials.ts'

/** `Login`: verifies the password and answers with an access token. */
export async function login (fastify: FastifyInstance): Promise<void> {
  const { digest, hasura, jwt, password: passwords, throttle } = fastify

  /** Replaces a hash of other parameters than today's. The login has succeeded already, and a failure only waits. */
  async function rehash (id: number, password: string, log: FastifyBaseLogger): Promise<void> {
    try {
      await hasura.request(UpdatePasswordDocument, { id, password: await passwords.hash(password) })
    } catch (error) {
      log.error({ err: error, userId: id }, 'the password could not be hashed again')
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
      request.attempt.account = digest(email)

      const verified = await throttle.login(request, email, async () => {
        const { user: [user] } = await hasura.request(UserByEmailDocument, { email })
        // Also without a user: an unknown email takes as long as a wrong password.
        const verdict = await passwords.verify(password, user?.password, input.password, request.callerGone)
        if (verdict.unreadable) request.log.error({ userId: user?.id }, 'the stored password hash cannot be read')
        return user !== undefined && verdict.matches ? { user, needsRehash: verdict.needsRehash } : undefined
      })
      if (verified === undefined) throw new ActionError('invalid-credentials', 'Invalid credentials')
      const { user, needsRehash } = verified
      if (needsRehash) await rehash(user.id, password, request.log)

      const roles = user.roles.map(({ role }) => role)
      request.attempt.userId = user.id
      return { token: jwt.sign({ id: user.id, defaultRole: user.default_role, roles }) }
    }
  })
}
