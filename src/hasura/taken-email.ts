import { ActionError } from '../errors.ts'
import { violatesConstraint } from './answer.ts'

/** Hasura's message when PostgreSQL's language is English. Clients get it whatever the language is. */
const message = 'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"'

/** Turns Hasura's error about a taken email into the one that clients get; returns others unchanged. */
export function explainTakenEmail (error: unknown): unknown {
  if (!violatesConstraint(error, 'user_email_key')) return error
  return new ActionError('constraint-violation', message, { cause: error })
}
