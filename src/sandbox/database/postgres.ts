import { types as pgliteTypes } from '@electric-sql/pglite'
import pg from 'pg'
import type { ClientBase, ClientConfig, QueryResult } from 'pg'
import { ConnectionError } from './sql-connection.ts'
import type { SqlConnection, Database, Result } from './sql-connection.ts'
import { applyMigrations } from './migrations.ts'
import type { Log, Migration } from './migrations.ts'
import { lockMigrations, readVersion, refuseForeignTables } from './postgres-checks.ts'
import { configOf, connectClient } from './postgres-client.ts'

/** Hasura's default. */
const poolSize = 50

/** Runs statements, and returns the result of the last one. */
async function send (client: ClientBase, sql: string, params?: Array<string | null>): Promise<QueryResult> {
  try {
    // Several statements give a list of results, which the types of `pg` do not mention.
    const result = await client.query(sql, params)
    return [result].flat().at(-1) ?? result
  } catch (error) {
    if (error instanceof pg.DatabaseError) throw error
    throw new ConnectionError((error as Error).message)
  }
}

function connectionOf (client: ClientBase): SqlConnection {
  return {
    query: async <Row>(sql: string, params?: Array<string | null>): Promise<Result<Row>> => {
      const { rows } = await send(client, sql, params)
      return { rows: rows as Row[] }
    }
  }
}

async function transactionOn<T> (client: ClientBase, run: (connection: SqlConnection) => Promise<T>): Promise<T> {
  await send(client, 'BEGIN')
  try {
    const result = await run(connectionOf(client))
    const { command } = await send(client, 'COMMIT')
    if (command === 'ROLLBACK') throw new Error('A statement of the transaction failed, so PostgreSQL rolled it back')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch(() => { /* The connection is gone, and the transaction with it. */ })
    throw error
  }
}

/** Parses every value with the parser that PGlite uses, so that both databases return the same. */
async function readTypes (connection: SqlConnection): Promise<NonNullable<ClientConfig['types']>> {
  const { rows } = await connection.query<{ list: string, element: string }>(
    'SELECT typarray::text AS list, oid::text AS element FROM pg_type WHERE typarray <> 0')
  const elements = new Map(rows.map(({ list, element }) => [Number(list), Number(element)]))
  return {
    getTypeParser: (type: number) => (text: string): unknown => {
      const element = elements.get(type)
      if (element === undefined) return pgliteTypes.parseType(text, type)
      return pgliteTypes.arrayParser(text, (item): unknown => pgliteTypes.parseType(item, element), type)
    }
  }
}

/** Checks and migrates the database on a connection of its own. */
async function setUp (
  config: ClientConfig, migrations: Migration[], log: Log
): Promise<{ description: string, types: ClientConfig['types'] }> {
  const client = await connectClient(config)
  try {
    const connection = connectionOf(client)
    const name = `${client.host}:${client.port}/${client.database}`
    const version = await readVersion(connection, name)
    await lockMigrations(connection, log)
    await refuseForeignTables(connection, name)
    await applyMigrations({ ...connection, transaction: async run => transactionOn(client, run) }, migrations, log)
    return { description: `PostgreSQL ${version} at ${client.user}@${name}`, types: await readTypes(connection) }
  } catch (error) {
    const isServers = error instanceof pg.DatabaseError || error instanceof ConnectionError
    throw isServers ? new Error(`SANDBOX_DATABASE_URL: ${error.message}`) : error
  } finally {
    await client.end()
  }
}

/**
 * Opens a PostgreSQL server's database and applies the migrations.
 *
 * @param url - `postgres://…`
 * @throws Error that says in one line, without the password, why the database cannot be used
 */
export async function openPostgres (url: string, migrations: Migration[], log: Log): Promise<Database> {
  const config = configOf(url)
  const { description, types } = await setUp(config, migrations, log)
  const pool = new pg.Pool({ ...config, max: poolSize, types })
  // Connections that break are replaced; a query that runs on one of them fails by itself.
  pool.on('connect', (client) => { client.on('error', () => { /* see above */ }) })
  pool.on('error', () => { /* see above */ })
  const borrow = async <T>(run: (client: ClientBase) => Promise<T>): Promise<T> => {
    const client = await pool.connect()
      .catch((error: unknown) => { throw new ConnectionError((error as Error).message) })
    try {
      return await run(client)
    } finally {
      client.release()
    }
  }
  return {
    description,
    query: async (sql, params) => borrow(async client => connectionOf(client).query(sql, params)),
    transaction: async run => borrow(async client => transactionOn(client, run)),
    close: async () => pool.end()
  }
}
