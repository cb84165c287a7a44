import { HasuraFault } from '../fault.ts'
import { ConnectionError } from './sql-connection.ts'

/** Hasura's prefix and code for the SQLSTATEs of class 23, integrity constraint violation. */
const violations: Record<string, [string, string]> = {
  23001: ['Can not delete or update due to data being referred. ', 'constraint-violation'],
  23502: ['Not-NULL violation. ', 'constraint-violation'],
  23503: ['Foreign key violation. ', 'constraint-violation'],
  23505: ['Uniqueness violation. ', 'constraint-violation'],
  23514: ['Check constraint violation. ', 'permission-error']
}

/**
 * Translates an error of PostgreSQL into Hasura's.
 *
 * @param path - the place of the client's values in its request
 * @returns the error unchanged if it is not PostgreSQL's
 */
export function sqlFault (error: unknown, path: string): unknown {
  if (error instanceof ConnectionError) {
    return new HasuraFault('postgres-error', 'connection error', '$', { internal: error.message })
  }
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return error
  const state = String(error.code)
  const violation = violations[state]
  if (violation !== undefined) return new HasuraFault(violation[1], violation[0] + error.message, path)
  if (state.startsWith('22')) return new HasuraFault('data-exception', error.message, path)
  const internal = { error: { message: error.message, status_code: state } }
  return new HasuraFault('unexpected', 'database query error', '$', { internal })
}
