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
