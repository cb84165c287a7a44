import { domainToUnicode } from 'node:url'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Refuses a new password that attackers try first: one of about 49,000 common passwords, the email, its local part
     * or its domain. Case does not matter. Does nothing with `PASSWORD_BLOCKLIST=off`.
     *
     * @param password - normalised
     * @param email - normalised
     * @throws ActionError `weak-password`
     */
    refuseCommonPassword: (password: string, email: string) => void
  }
}

/** The email and its parts, with the domain as it is stored and as a person writes it. */
function partsOf (email: string): string[] {
  const [local = '', domain = ''] = email.split('@')
  const written = domainToUnicode(domain)
  return [email, local, domain, written, `${local}@${written}`]
}

/** NIST SP 800-63B-4, section 3.1.1.2: the whole password is compared with the blocklist, not parts of it. */
async function blocklist (fastify: FastifyInstance): Promise<void> {
  if (fastify.config.PASSWORD_BLOCKLIST === 'off') {
    fastify.decorate('refuseCommonPassword', () => { /* off */ })
    return
  }
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  const common = new Set(dictionary['passwords-common'])

  fastify.decorate('refuseCommonPassword', (password, email) => {
    const lowerCase = password.toLowerCase().normalize('NFC')
    if (!common.has(lowerCase) && !partsOf(email).includes(lowerCase)) return
    throw new ActionError('weak-password', 'The password must not be a common password, the email or a part of the email')
  })
}

export default fp(blocklist, { name: 'blocklist', fastify: '5.x', dependencies: ['config'] })
