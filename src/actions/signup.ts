import type { FastifyInstance, FastifyRequest } from 'fastify'
import { normalizeEmail } from '../email.ts'
import type { CreateUserOutput, MutationSignupArgs } from '../generated/actions.ts'
import { CreateUserDocument } from '../generated/operations.ts'
import { explainTakenEmail } from '../hasura/taken-email.ts'
import { registerAction } from '../http/register-action.ts'
import { normalizeNewPassword } from '../password/policy.ts'
import type { LimitRule } from '../throttle/limit-rule.ts'

/** Long enough to slow down a script, and short enough not to block a shared network for long. */
const windowSeconds = 3600

/** `Signup`: hashes the password, creates the user, answers with the created user. */
export async function signup (fastify: FastifyInstance): Promise<void> {
  const { clientAddress, config, digest, hasura, password: passwords, refuseCommonPassword } = fastify

  /** Created users and taken emails count, because both answers reveal something. Without an address, no limit. */
  function limits (request: FastifyRequest): LimitRule[] {
    const address = clientAddress(request)
    if (address === undefined) return []
    return [{
      key: `signup-address:${digest(address)}`,
      limit: config.SIGNUP_LIMIT_PER_ADDRESS,
      windowSeconds,
      counts: ['success', 'constraint-violation']
    }]
  }

  async function hash (password: string, request: FastifyRequest): Promise<string> {
    const slot = passwords.admit(request.callerGone)
    try {
      return await slot.hash(password)
    } finally {
      slot.release()
    }
  }

  async function createUser (email: string, password: string, request: FastifyRequest) {
    try {
      const { insert_user_one: user } = await hasura.request(CreateUserDocument, { email, password }, request)
      return user
    } catch (error) {
      throw explainTakenEmail(error)
    }
  }

  /** Mails the link that verifies the email. */
  function sendVerification (user: CreateUserOutput): void {
    const { mail } = fastify
    if (mail === undefined) return
    const token = mail.tokens.create('verify', { ...user, disabled_at: null, email_verified_at: null })
    mail.send({ name: 'verify-email', to: user.email, token })
  }

  registerAction<MutationSignupArgs, CreateUserOutput>(fastify, {
    name: 'Signup',
    input: { email: { type: 'string' }, password: { type: 'string' } },
    output: { id: { type: 'integer' }, email: { type: 'string' }, password: { type: 'string' } },
    async handler (input, { request, limit }) {
      const email = normalizeEmail(input.email)
      const password = normalizeNewPassword(input.password)
      refuseCommonPassword(password, email)
      request.attempt.account = digest(email)

      await limit(limits(request))
      const user = await createUser(email, await hash(password, request), request)
      if (user === null) throw new Error('Hasura created the user and did not return it')
      request.attempt.userId = user.id
      sendVerification(user)
      return config.SIGNUP_PASSWORD_FIELD === 'redacted' ? { ...user, password: '[redacted]' } : user
    }
  })
}
