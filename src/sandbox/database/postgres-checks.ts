import type { SqlConnection } from './sql-connection.ts'
import type { Log } from './migrations.ts'

/** The first version with `gen_random_uuid()` and with the same messages as newer versions. */
const oldestVersion = 13

/**
 * Reads the server's version.
 *
 * @param server - its name for the error
 * @throws Error if the version is too old
 */
export async function readVersion (connection: SqlConnection, server: string): Promise<string> {
  const { rows: [row] } = await connection.query<{ server_version: string }>('SHOW server_version')
  const [version = ''] = row?.server_version.split(' ') ?? []
  if (Number.parseInt(version, 10) >= oldestVersion) return version
  throw new Error(`${server} is PostgreSQL ${version}: the sandbox needs ${oldestVersion} or newer`)
}

/** Two sandboxes that start on one database migrate it one after the other. The lock ends with the connection. */
export async function lockMigrations (connection: SqlConnection, log: Log): Promise<void> {
  const key = 'hashtext(\'hasura-jwt-auth sandbox\')'
  const { rows: [row] } = await connection.query<{ taken: boolean }>(`SELECT pg_try_advisory_lock(${key}) AS taken`)
  if (row?.taken === true) return
  log('Another sandbox is migrating this database: waiting for it')
  await connection.query(`SELECT pg_advisory_lock(${key})`)
}

/** Tables in a database that no sandbox has used yet, except those of extensions. */
const foreignTables = String.raw`
  SELECT format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE to_regclass('sandbox.applied') IS NULL AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1`

/**
 * Makes sure that the sandbox does not migrate the database of another application.
 *
 * @throws Error if the database has tables, and no sandbox made them
 */
export async function refuseForeignTables (connection: SqlConnection, database: string): Promise<void> {
  const { rows: [first, ...others] } = await connection.query<{ name: string }>(foreignTables)
  if (first === undefined) return
  const names = others.length === 0 ? first.name : `${first.name} and ${others.length} more`
  throw new Error(`${database} has tables that are not the sandbox's (${names}): `
    + 'create an empty database and name it in SANDBOX_DATABASE_URL')
}
