import pg from 'pg'
import type { ClientBase, ClientConfig, QueryResult } from 'pg'
import { applyMigrations } from './migrations.ts'
import type { Log, Migration } from './migrations.ts'
import { ConnectionError } from './sql-connection.ts'
import type { Database, SqlConnection } from './sql-connection.ts'

/** Hasura's default. */
const poolSize = 50

/** The first version that has `gen_random_uuid()` and the messages of newer versions. */
const oldestVersion = 13

/** Settings of the embedded PostgreSQL that change how values look in text and JSON. A server may have others. */
const options = [
  'TimeZone=UTC', 'DateStyle=ISO,MDY', 'IntervalStyle=postgres', 'bytea_output=hex', 'extra_float_digits=1',
  String.raw`default_transaction_isolation=read\ committed`
].map(option => `-c ${option}`).join(' ')

/** An `@` or a `#` after the host belongs to a password that is not percent-encoded. It must not be printed. */
const databaseUrl = /^postgres(?:ql)?:\/\/[^/?#]*(?:[/?][^@#]*)?$/

/** Finds the tables, except those of extensions, in a database that no sandbox has used yet. */
const foreignTables = String.raw`
  SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE to_regclass('sandbox.applied') IS NULL AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1`

const lockKey = 'hashtext(\'hasura-jwt-auth sandbox\')'

/** Connects once, to find what is wrong with the URL or the server. */
async function connect (config: ClientConfig): Promise<pg.Client> {
  const usage = 'SANDBOX_DATABASE_URL must be a URL such as postgres://user:password@localhost:5432/sandbox'
  if (!databaseUrl.test(config.connectionString ?? '')) {
    throw new Error(`${usage}; a password with /, ?, # or @ must be percent-encoded`)
  }
  let client: pg.Client
  try {
    client = new pg.Client({ ...config, connectionTimeoutMillis: 10_000 })
  } catch (error) {
    throw new Error(`${usage}: ${(error as Error).message}`)
  }
  client.on('error', () => { /* The next query reports a connection that breaks between two queries. */ })
  try {
    await client.connect()
    return client
  } catch (error) {
    void client.end()
    const { code, message } = error as NodeJS.ErrnoException
    let reason = `cannot be reached (${code ?? message}): start it, or correct the URL`
    if (message.startsWith('SASL') && !client.password) reason = 'requires a password, but the URL has none'
    if (error instanceof pg.DatabaseError) reason = `refuses the connection: ${message}`
    throw new Error(`PostgreSQL at ${client.host}:${client.port}, which SANDBOX_DATABASE_URL names, ${reason}`)
  }
}

/** Errors of PostgreSQL stay, except those that end the connection. They and all others become a ConnectionError. */
function fail (error: unknown): never {
  if (error instanceof pg.DatabaseError && error.severity !== 'FATAL') throw error
  throw new ConnectionError((error as Error).message)
}

/** Runs statements, and returns the result of the last one. */
async function send (client: ClientBase | pg.Pool, sql: string, params?: Array<string | null>): Promise<QueryResult> {
  const result = await client.query(sql, params).catch(fail)
  // Several statements give a list of results, which the types of `pg` do not mention.
  return [result].flat().at(-1) ?? result
}

function connectionOf (client: ClientBase | pg.Pool): SqlConnection {
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

/**
 * Checks and migrates the database.
 *
 * @returns its version
 * @throws Error if the version is too old, or if the database has tables that no sandbox made
 */
async function setUp (client: ClientBase, name: string, migrations: Migration[], log: Log): Promise<string> {
  const connection = connectionOf(client)
  const { rows: [row] } = await connection.query<{ server_version: string, locked: boolean }>(
    `SELECT current_setting('server_version') AS server_version, pg_try_advisory_lock(${lockKey}) AS locked`
  )
  const [version = ''] = row?.server_version.split(' ') ?? []
  if (Number.parseInt(version, 10) < oldestVersion) {
    throw new Error(`${name} is PostgreSQL ${version}: the sandbox needs ${oldestVersion} or newer`)
  }
  // Two sandboxes that start on one database migrate it one after the other. The lock ends with the connection.
  if (row?.locked !== true) {
    log('Another sandbox is migrating this database: waiting for it')
    await connection.query(`SELECT pg_advisory_lock(${lockKey})`)
  }
  const { rows: [first, ...others] } = await connection.query<{ name: string }>(foreignTables)
  if (first !== undefined) {
    const names = others.length === 0 ? first.name : `${first.name} and ${others.length} more`
    throw new Error(`${name} has tables that are not the sandbox's (${names}): `
      + 'create an empty database and name it in SANDBOX_DATABASE_URL')
  }
  await applyMigrations({ ...connection, transaction: async run => transactionOn(client, run) }, migrations, log)
  return version
}

/**
 * Opens a PostgreSQL server's database and applies the migrations.
 *
 * @param url - `postgres://…`
 * @throws Error that says in one line, without the password, why the database cannot be used
 */
export async function openPostgres (url: string, migrations: Migration[], log: Log): Promise<Database> {
  const config = { connectionString: url, options }
  const client = await connect(config)
  const name = `${client.host}:${client.port}/${client.database}`
  const version = await setUp(client, name, migrations, log).catch((error: unknown) => {
    const isServers = error instanceof pg.DatabaseError || error instanceof ConnectionError
    throw isServers ? new Error(`SANDBOX_DATABASE_URL: ${error.message}`) : error
  }).finally(async () => client.end())
  const pool = new pg.Pool({ ...config, max: poolSize })
  // Connections that break are replaced; a query that runs on one of them fails by itself.
  pool.on('connect', (client) => { client.on('error', () => { /* see above */ }) })
  pool.on('error', () => { /* see above */ })
  return {
    ...connectionOf(pool),
    description: `PostgreSQL ${version} at ${client.user}@${name}`,
    transaction: async (run) => {
      const borrowed = await pool.connect().catch(fail)
      return transactionOn(borrowed, run).finally(() => { borrowed.release() })
    },
    close: async () => pool.end()
  }
}
