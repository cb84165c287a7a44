import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { invalidCredentials, notAuthenticated } from '../errors.ts'
import type { JsonWebToken, MutationChangePasswordArgs } from '../generated/actions.ts'
import { ChangePasswordDocument, ReplacePasswordDocument, UserOfCallerDocument } from '../generated/operations.ts'
import type { User_Bool_Exp, UserOfCallerQuery } from '../generated/operations.ts'
import type { Caller } from '../http/caller.ts'
import { registerSessionAction } from '../http/register-action.ts'
import { passwordAttemptLimits } from '../password/attempt-limits.ts'
import { normalizeNewPassword, normalizePassword } from '../password/policy.ts'
import { callerAt } from '../sessions/alive.ts'
import { firstToken, jsonWebToken } from '../sessions/sessions.ts'

type User = UserOfCallerQuery['user'][number]

/** `ChangePassword`: verifies the current password, stores the new one, ends all sessions and starts a new one. */
export async function changePassword (fastify: FastifyInstance): Promise<void> {
  const { digest, hasura, jwt, password: passwords, refuseCommonPassword, sessions } = fastify

  async function findUser (caller: Caller, request: FastifyRequest): Promise<User> {
    const variables = { caller: callerAt(caller, new Date().toISOString()) }
    const { user: [user] } = await hasura.request(UserOfCallerDocument, variables, request)
    if (user === undefined) throw notAuthenticated()
    return user
  }

  /** Stores the new hash where `user` matches. Returns undefined if it matches nothing. */
  async function store (
    user: User_Bool_Exp, id: User['id'], newHash: string, request: FastifyRequest, reply: FastifyReply
  ): Promise<JsonWebToken | undefined> {
    const variables = { user, user_id: id, new_hash: newHash, now: new Date().toISOString() }
    if (sessions === undefined) {
      const { update_user: update } = await hasura.request(ReplacePasswordDocument, variables, request)
      const [changed] = update?.returning ?? []
      return changed && { token: jwt.sign(changed) }
    }
    const session = sessions.create(id, request)
    const withSession = { ...variables, session, session_id: session.id }
    const { update_user: update } = await hasura.request(ChangePasswordDocument, withSession, request)
    const [changed] = update?.returning ?? []
    return changed && sessions.answer(changed, firstToken(session), reply)
  }

  registerSessionAction<MutationChangePasswordArgs, JsonWebToken>(fastify, {
    name: 'ChangePassword',
    input: { current_password: { type: 'string' }, new_password: { type: 'string' } },
    output: jsonWebToken,
    async handler (input, { caller, limit, request, reply }) {
      const current = normalizePassword(input.current_password, 'input.current_password')
      const user = await findUser(caller, request)
      const { id, email } = user
      request.attempt.userId = id
      const fresh = normalizeNewPassword(input.new_password, 'input.new_password')
      refuseCommonPassword(fresh, email)

      await limit(passwordAttemptLimits(fastify, digest(email), request))
      const slot = passwords.admit(request.callerGone)
      const attempt = async (user: User): Promise<JsonWebToken | undefined> => {
        const { matches } = await slot.verify(current, user.password, input.current_password)
        if (!matches || user.disabled_at !== null) throw invalidCredentials()
        const isUnchanged = { password: { _eq: user.password }, disabled_at: { _is_null: true } }
        const where = { _and: [callerAt(caller, new Date().toISOString()), isUnchanged] }
        return store(where, id, await slot.hash(fresh), request, reply)
      }
      try {
        // Once more if nothing matched: a login may have renewed the hash, or the caller's session may have ended.
        const tokens = await attempt(user) ?? await attempt(await findUser(caller, request))
        if (tokens === undefined) throw invalidCredentials()
        return tokens
      } finally {
        slot.release()
      }
    }
  })
}
