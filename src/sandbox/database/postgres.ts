import pg from 'pg'
import type { ClientBase, ClientConfig, QueryResult } from 'pg'
import { ConnectionError } from './sql-connection.ts'
import type { SqlConnection, Database } from './sql-connection.ts'
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
  return { query: async (sql, params) => send(client, sql, params) }
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

/** Checks and migrates the database on a connection of its own. Returns its description. */
async function setUp (config: ClientConfig, migrations: Migration[], log: Log): Promise<string> {
  const client = await connectClient(config)
  try {
    const connection = connectionOf(client)
    const name = `${client.host}:${client.port}/${client.database}`
    const version = await readVersion(connection, name)
    await lockMigrations(connection, log)
    await refuseForeignTables(connection, name)
    await applyMigrations({ ...connection, transaction: async run => transactionOn(client, run) }, migrations, log)
    return `PostgreSQL ${version} at ${client.user}@${name}`
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
  const description = await setUp(config, migrations, log)
  const pool = new pg.Pool({ ...config, max: poolSize })
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
