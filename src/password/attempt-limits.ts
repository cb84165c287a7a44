import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { LimitRule } from '../throttle/limit-rule.ts'

/**
 * Failures on one account from all addresses together, per hour. It stops one account from being guessed through many
 * addresses. It is well above LOGIN_LIMIT_PER_ACCOUNT, so that one attacker cannot lock the owner out.
 */
const accountCeiling = { limit: 50, windowSeconds: 3600 }

/**
 * The limits of every action that verifies a password. Failures and attempts in progress both count. A slot is reserved
 * before anything else happens, so a burst never triggers more hashes than the limit.
 *
 * @param account - a keyed digest of the email
 */
export function passwordAttemptLimits (
  { clientAddress, config, digest }: FastifyInstance, account: string, request: FastifyRequest
): LimitRule[] {
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
