import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { LimitRule } from '../throttle/limit-rule.ts'

const hour = 3600

/**
 * Limits of mails of one kind to one recipient: enough for a person who waits for a mail, too few to annoy anybody.
 *
 * @param kind - the mail
 * @param recipient - a keyed digest of the email or of the user's id
 */
export function recipientLimits (kind: string, recipient: string): LimitRule[] {
  const key = `mail:${kind}:${recipient}`
  return [
    { key: `${key}:minute`, limit: 1, windowSeconds: 60, counts: ['success'] },
    { key: `${key}:hour`, limit: 5, windowSeconds: hour, counts: ['success'] }
  ]
}

/** The limit of requests for mail from one client address: that of sign-ups. Without an address there is none. */
export function mailRequestLimits (
  { clientAddress, config, digest }: FastifyInstance, request: FastifyRequest
): LimitRule[] {
  const address = clientAddress(request)
  if (address === undefined) return []
  const key = `mail-address:${digest(address)}`
  return [{ key, limit: config.SIGNUP_LIMIT_PER_ADDRESS, windowSeconds: hour, counts: ['success'] }]
}

/** The limit of failures with mailed tokens from one client address. Without an address there is none. */
export function mailedTokenLimits (
  { clientAddress, config, digest }: FastifyInstance, request: FastifyRequest
): LimitRule[] {
  const address = clientAddress(request)
  if (address === undefined) return []
  const { LOGIN_LIMIT_PER_ADDRESS: limit, LOGIN_WINDOW_SECONDS: windowSeconds } = config
  return [{ key: `mailed-token:${digest(address)}`, limit, windowSeconds, counts: ['invalid-token'] }]
}

/** Counts a mail. Returns false if a limit is reached: then no mail goes out, and the answer is the same. */
export async function isWithinLimits ({ throttle }: FastifyInstance, rules: LimitRule[]): Promise<boolean> {
  const reservation = await throttle.reserve(rules)
  if ('retryAfterMilliseconds' in reservation) return false
  await reservation.settle('success')
  return true
}
