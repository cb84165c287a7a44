import type { FastifyRequest } from 'fastify'
import { invalidCredentials } from '../errors.ts'
import type { UserByEmailQuery } from '../generated/operations.ts'
import type { PasswordSlot } from './password.ts'

type StoredUser = Pick<UserByEmailQuery['user'][number], 'id' | 'password' | 'disabled_at'>

/**
 * Verifies the password of a user. An unknown user takes as long as a wrong password.
 *
 * @param password - normalised
 * @param asSent - the password as the client has sent it
 * @returns the user, and whether the hash was made with other parameters than today's
 * @throws ActionError `invalid-credentials` if the user is unknown or disabled, or the password does not match. The
 *   cause of an unreadable hash goes to the log. `overloaded` or `bad-request` as `slot.verify` does
 */
export async function verifyUser<User extends StoredUser> (
  slot: PasswordSlot, user: User | undefined, password: string, asSent: string, { log }: FastifyRequest
): Promise<{ user: User, needsRehash: boolean }> {
  const { matches, needsRehash, unreadable } = await slot.verify(password, user?.password, asSent)
  if (unreadable !== undefined) {
    // Logged after the answer, because a line with a stack takes time. That time would show that the account exists.
    setImmediate(() => { log.error({ err: unreadable, userId: user?.id }, 'the stored password hash cannot be read') })
  }
  if (user === undefined || !matches || user.disabled_at !== null) throw invalidCredentials()
  return { user, needsRehash }
}
