import type { FastifyInstance, FastifyRequest } from 'fastify'
import { normalizeEmail } from '../email.ts'
import { ActionError } from '../errors.ts'
import type { JsonWebToken, MutationLoginArgs } from '../generated/actions.ts'
import { UpdatePasswordDocument, UserByEmailDocument } from '../generated/operations.ts'
import type { UserByEmailQuery } from '../generated/operations.ts'
import { registerAction } from '../http/register-action.ts'
import { normalizePassword } from '../password/policy.ts'
import type { LimitRule } from '../throttle/limit-rule.ts'

type User = UserByEmailQuery['user'][number]

/**
 * Failed logins to one account from all addresses together, per hour. It stops one account from being guessed through
 * many addresses. It is well above LOGIN_LIMIT_PER_ACCOUNT, so that one attacker cannot lock the owner out.
 */
const accountCeiling = { limit: 50, windowSeconds: 3600 }

/** `Login`: verifies the password and answers with an access token. */
export async function login (fastify: FastifyInstance): Promise<void> {
  const { clientAddress, config, digest, hasura, issueTokens, password: passwords } = fastify

  /**
   * Failed logins and logins in progress both count. A slot is reserved before anything else happens, so a burst never
   * triggers more hashes than the limit.
   */
  function limits (account: string, request: FastifyRequest): LimitRule[] {
    const failures = { windowSeconds: config.LOGIN_WINDOW_SECONDS, counts: ['invalid-credentials'] }
    const perAccount = { ...failures, limit: config.LOGIN_LIMIT_PER_ACCOUNT, resetBy: 'success' }
    const address = clientAddress(request)
    if (address === undefined) return [{ ...perAccount, key: `login:${account}` }]
    return [
      { ...perAccount, key: `login:${account}:${digest(address)}` },
      { ...perAccount, ...accountCeiling, key: `login:${account}:ceiling` },
      // A success does not reset it: an attacker could log in to an account of their own in between.
      { ...failures, key: `login-address:${digest(address)}`, limit: config.LOGIN_LIMIT_PER_ADDRESS }
    ]
  }

  /**
   * Replaces a hash of other parameters than today's, if it is still the one that was verified: a new password, or a
   * hash that locks the user out, must stay. A failure is logged: the login has succeeded already.
   */
  async function renewHash (user: User, hash: () => Promise<string>, request: FastifyRequest): Promise<void> {
    try {
      const variables = { id: user.id, verified_hash: user.password, new_hash: await hash() }
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
    output: { token: { type: 'string' } },
    async handler (input, { request, limit }) {
      const email = normalizeEmail(input.email)
      const password = normalizePassword(input.password)
      const account = digest(email)
      request.attempt.account = account

      await limit(limits(account, request))
      const slot = passwords.admit(request.callerGone)
      try {
        const { user: [user] } = await hasura.request(UserByEmailDocument, { email }, request)
        // Also without a user: an unknown email takes as long as a wrong password.
        const verdict = await slot.verify(password, user?.password, input.password)
        if (verdict.unreadable) request.log.error({ userId: user?.id }, 'the stored password hash cannot be read')
        if (user === undefined || !verdict.matches) throw new ActionError('invalid-credentials', 'Invalid credentials')

        request.attempt.userId = user.id
        const tokens = issueTokens(user)
        // After issuing, which rejects an id that JSON has rounded: the write must not hit another user.
        if (verdict.needsRehash) await renewHash(user, async () => slot.hash(password), request)
        return tokens
      } finally {
        slot.release()
      }
    }
  })
}
