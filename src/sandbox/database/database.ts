import type { Database } from './sql-connection.ts'
import { readMigrations } from './migrations.ts'
import type { Log } from './migrations.ts'

export interface DatabaseSettings {
  SANDBOX_DATA_DIR: string
  /** A PostgreSQL server's database, used instead of the embedded PostgreSQL. */
  SANDBOX_DATABASE_URL?: string | undefined
}

/**
 * Opens the sandbox's database, with the migrations and seeds of the Hasura project applied.
 *
 * @param hasura - folder of the CLI project
 * @throws Error that says in one line what prevents it
 */
export async function openDatabase (
  { SANDBOX_DATA_DIR: folder, SANDBOX_DATABASE_URL: url }: DatabaseSettings, hasura: string, log: Log
): Promise<Database> {
  const migrations = readMigrations(hasura)
  // Each module is imported only when it is used, because its packages take time to load.
  if (url !== undefined) return (await import('./postgres.ts')).openPostgres(url, migrations, log)
  return (await import('./embedded.ts')).openEmbedded(folder, migrations, log)
}
