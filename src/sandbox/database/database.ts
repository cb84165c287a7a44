import type { Database } from './connection.ts'
import { openEmbedded } from './embedded.ts'
import { readMigrations } from './migrations.ts'
import type { Log } from './migrations.ts'

export interface DatabaseSettings { SANDBOX_DATA_DIR: string }

/**
 * Opens the sandbox's database, with the migrations and seeds of the Hasura project applied.
 *
 * @param hasura - folder of the CLI project
 * @throws Error that says in one line what prevents it
 */
export async function openDatabase (settings: DatabaseSettings, hasura: string, log: Log): Promise<Database> {
  return openEmbedded(settings.SANDBOX_DATA_DIR, readMigrations(hasura), log)
}
