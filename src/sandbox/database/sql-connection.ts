import { HasuraFault } from '../fault.ts'

/** The result of a statement. */
export interface Result<Row> { rows: Row[] }

/** The database cannot be reached, or the connection broke. */
export class ConnectionError extends Error {}

/** A connection to the database, inside a transaction or outside of one. */
export interface SqlConnection {
  /**
   * @param sql - one statement; without `params` it may be several, and the rows are those of the last one
   * @param params - values in PostgreSQL's text form; a cast in the statement gives each its type
   * @throws an error with PostgreSQL's fields: `code` (the SQLSTATE), `severity`, `detail`, `constraint`, …; or
   *   ConnectionError
   */
  query: <Row>(sql: string, params?: Array<string | null>) => Promise<Result<Row>>
}

/**
 * The sandbox's database, embedded or on a server. Both give the same errors, and the same values of the types text,
 * name, int4, bool, json and jsonb. Statements cast other types to text or JSON.
 */
export interface Database extends SqlConnection {
  /** Names the database in the message at start. It contains no password. */
  description: string
  /**
   * Runs a READ COMMITTED transaction: commits when `run` returns and rolls back when it throws. Inside `run`, only
   * its argument may be used: the embedded PostgreSQL has one connection, which the transaction holds.
   */
  transaction: <T>(run: (connection: SqlConnection) => Promise<T>) => Promise<T>
  close: () => Promise<void>
}

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
