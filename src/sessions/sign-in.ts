import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import type { JsonWebToken } from '../generated/actions.ts'
import type { TokenUserFragment } from '../generated/operations.ts'
import { violatesConstraint } from '../hasura/answer.ts'
import { firstToken } from './sessions.ts'
import type { NewSession } from './sessions.ts'

/**
 * Runs the mutation that stores a new session, or that needs none.
 *
 * @returns false if the user has changed since the password was verified
 */
type Store = (session: NewSession | undefined) => Promise<boolean>

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Makes the tokens of a user whose password has just been verified. With `TOKEN_SECRET`, a session starts.
     *
     * @returns undefined if the user has changed since, or was deleted
     * @throws Error if Hasura would refuse the id or a claim; then nothing is stored
     */
    signIn: (
      user: TokenUserFragment, request: FastifyRequest, reply: FastifyReply, store: Store
    ) => Promise<JsonWebToken | undefined>
  }
}

async function isStored (stored: Promise<boolean>): Promise<boolean> {
  try {
    return await stored
  } catch (error) {
    // The user was deleted in the meantime.
    if (violatesConstraint(error, 'user_session_user_id_fkey')) return false
    throw error
  }
}

/** `fastify.signIn`. */
async function signIn (fastify: FastifyInstance): Promise<void> {
  const { jwt, sessions } = fastify

  fastify.decorate('signIn', async (user, request, reply, store) => {
    const session = sessions?.create(user.id, request)
    // Before anything is stored: an id that JSON has rounded may be that of another user.
    jwt.check(user, session?.session_id)
    if (!await isStored(store(session))) return undefined
    // The access token is made last, so that it lives as long as the answer says.
    if (sessions === undefined || session === undefined) return { token: jwt.sign(user) }
    return sessions.answer(user, firstToken(session), reply)
  })
}

export default fp(signIn, { name: 'sign-in', fastify: '5.x', dependencies: ['jwt', 'sessions'] })
