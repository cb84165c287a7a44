import { domainToUnicode } from 'node:url'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Tells whether a password is one that attackers try first: one of about 49,000 common passwords, the email, its
     * local part or its domain. Case does not matter. Always false with `PASSWORD_BLOCKLIST=off`.
     *
     * @param password - normalised
     * @param email - normalised
     */
    isCommonPassword: (password: string, email: string) => boolean
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
    fastify.decorate('isCommonPassword', () => false)
    return
  }
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  const common = new Set(dictionary['passwords-common'])

  fastify.decorate('isCommonPassword', (password, email) => {
    const lowerCase = password.toLowerCase().normalize('NFC')
    return common.has(lowerCase) || partsOf(email).includes(lowerCase)
  })
}

export default fp(blocklist, { name: 'blocklist', fastify: '5.x', dependencies: ['config'] })
