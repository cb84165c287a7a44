import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { LimitRule } from '../throttle/limit-rule.ts'
import type { MailName } from './templates.ts'

const hour = 3600

/** Mails about a change. The second of two within a minute may be the one that its recipient must not miss. */
const notices: readonly MailName[] = ['password-changed', 'email-changed', 'account-deleted']

/**
 * Limits of mails of one kind to one recipient: enough for a person who waits for a mail, too few to annoy anybody. The
 * email is counted, not the user: anybody can sign up with an email, delete that user and sign up again.
 *
 * @param recipient - a keyed digest of the email
 */
export function recipientLimits (name: MailName, recipient: string): LimitRule[] {
  const key = `mail:${name}:${recipient}`
  const perHour = { key: `${key}:hour`, limit: 5, windowSeconds: hour, counts: ['success'] }
  if (notices.includes(name)) return [perHour]
  return [{ key: `${key}:minute`, limit: 1, windowSeconds: 60, counts: ['success'] }, perHour]
}

/** The limit of requests for mail from one client address: that of sign-ups. An unknown address is not limited. */
export function mailRequestLimits (
  { clientAddress, config, digest }: FastifyInstance, request: FastifyRequest
): LimitRule[] {
  const address = clientAddress(request)
  if (address === undefined) return []
  const key = `mail-address:${digest(address)}`
  return [{ key, limit: config.SIGNUP_LIMIT_PER_ADDRESS, windowSeconds: hour, counts: ['success'] }]
}

/** The limit of failures with mailed tokens from one client address. An unknown address is not limited. */
export function mailedTokenLimits (
  { clientAddress, config, digest }: FastifyInstance, request: FastifyRequest
): LimitRule[] {
  const address = clientAddress(request)
  if (address === undefined) return []
  const { LOGIN_LIMIT_PER_ADDRESS: limit, LOGIN_WINDOW_SECONDS: windowSeconds } = config
  return [{ key: `mailed-token:${digest(address)}`, limit, windowSeconds, counts: ['invalid-token'] }]
}

/** Counts a mail or a request for one. Returns false if a limit is reached: then no mail is sent. */
export async function isWithinLimits ({ throttle }: FastifyInstance, rules: LimitRule[]): Promise<boolean> {
  if (rules.length === 0) return true
  const reservation = await throttle.reserve(rules)
  if ('retryAfterMilliseconds' in reservation) return false
  await reservation.settle('success')
  return true
}
