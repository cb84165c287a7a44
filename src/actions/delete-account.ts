import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ActionError } from '../errors.ts'
import type { Done, MutationDeleteAccountArgs } from '../generated/actions.ts'
import { DeleteUserDocument } from '../generated/operations.ts'
import { isConstraintViolation } from '../hasura/answer.ts'
import { registerSessionAction } from '../http/register-action.ts'
import type { UserCondition } from '../sessions/alive.ts'
import { withVerifiedUser } from '../sessions/verified-user.ts'

/** `DeleteAccount`: verifies the password and deletes the user, whose roles and sessions PostgreSQL deletes with it. */
export async function deleteAccount (fastify: FastifyInstance): Promise<void> {
  async function deleteUser (where: UserCondition, request: FastifyRequest): Promise<boolean> {
    try {
      const { delete_user: deletion } = await fastify.hasura.request(DeleteUserDocument, { where }, request)
      return deletion?.affected_rows === 1
    } catch (error) {
      if (!isConstraintViolation(error)) throw error
      throw new ActionError('constraint-violation', 'The user cannot be deleted: other rows still refer to it', { cause: error })
    }
  }

  registerSessionAction<MutationDeleteAccountArgs, Done>(fastify, {
    name: 'DeleteAccount',
    input: { password: { type: 'string' } },
    output: { ok: { type: 'boolean' } },
    async handler ({ password }, context) {
      return withVerifiedUser(fastify, context, password, 'input.password', async ({ user, unchanged }) => {
        if (!await deleteUser(unchanged, context.request)) return undefined
        fastify.mail?.send({ name: 'account-deleted', to: user.email })
        return { ok: true }
      })
    }
  })
}
