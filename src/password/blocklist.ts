import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Tells whether a password is among those that attackers try first: a list of some 49,000 common ones, the email's
     * own local part, and its domain. Case does not matter. Always false with `PASSWORD_BLOCKLIST=off`.
     */
    isCommonPassword: (password: string, email: string) => boolean
  }
}

/** NIST SP 800-63B-4, section 3.1.1.2: new passwords are held against a blocklist, whole and not in part. */
async function blocklist (fastify: FastifyInstance): Promise<void> {
  if (fastify.config.PASSWORD_BLOCKLIST === 'off') {
    fastify.decorate('isCommonPassword', () => false)
    return
  }
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  const common = new Set(dictionary['passwords-common'])

  fastify.decorate('isCommonPassword', (password, email) => {
    const lowerCase = password.toLowerCase()
    return common.has(lowerCase) || email === lowerCase || email.split('@').includes(lowerCase)
  })
}

export default fp(blocklist, { name: 'blocklist', fastify: '5.x', dependencies: ['config'] })
