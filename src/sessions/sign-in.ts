import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { JsonWebToken } from '../generated/actions.ts'
import { StartSessionDocument } from '../generated/operations.ts'
import type { TokenUserFragment } from '../generated/operations.ts'
import { violatesConstraint } from '../hasura/answer.ts'
import { firstToken } from './sessions.ts'
import type { NewSession } from './sessions.ts'

interface VerifiedUser extends TokenUserFragment {
  /** The stored hash that the password was verified with. */
  password: string
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes the tokens of a user whose password has just been verified, and starts a session if `TOKEN_SECRET` is set.
     *
     * @returns undefined if the stored hash has changed since, or the user is disabled or deleted
     * @throws Error if Hasura would refuse the id or a claim
     */
    signIn: (user: VerifiedUser, request: FastifyRequest, reply: FastifyReply) => Promise<JsonWebToken | undefined>
  }
}

/** `fastify.signIn`. */
async function signIn (fastify: FastifyInstance): Promise<void> {
  const { hasura, jwt, sessions } = fastify

  /** Returns false if the user has changed since the password was verified. */
  async function start (session: NewSession, verifiedHash: string, request: FastifyRequest): Promise<boolean> {
    try {
      const variables = { user_id: session.user_id, verified_hash: verifiedHash, now: session.created_at }
      const { update_user: update } = await hasura.request(StartSessionDocument, {
        ...variables, session, session_id: session.id
      }, request)
      return update?.affected_rows === 1
    } catch (error) {
      // The user was deleted in the meantime.
      if (violatesConstraint(error, 'user_session_user_id_fkey')) return false
      throw error
    }
  }

  fastify.decorate('signIn', async (user, request, reply) => {
    if (sessions === undefined) return { token: jwt.sign(user) }
    const session = sessions.create(user.id, request)
    // Made before the session is stored: it rejects an id that JSON has rounded.
    const access = sessions.answerAccess(user, session.id)
    if (!await start(session, user.password, request)) return undefined
    return sessions.addRefreshToken(access, firstToken(session), reply)
  })
}

export default fp(signIn, { name: 'sign-in', fastify: '5.x', dependencies: ['hasura', 'jwt', 'sessions'] })
