import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from './sql-connection.ts'

export type Log = (line: string) => void

/** A migration or a seed of the Hasura project. */
export interface Migration { name: string, file: string, sql: string }

/** The entries of a folder in the order of the number that their names start with. */
function numbered (folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter(name => /^\d+_/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
}

/** Reads the migrations of a Hasura CLI project, and after them its seeds, in the order in which they apply. */
export function readMigrations (hasura: string): Migration[] {
  const migrations = join(hasura, 'migrations', 'default')
  const seeds = join(hasura, 'seeds', 'default')
  return [
    ...numbered(migrations).map(name => ({ name: `migration ${name}`, file: join(migrations, name, 'up.sql') })),
    ...numbered(seeds).map(name => ({ name: `seed ${name}`, file: join(seeds, name) }))
  ].map(({ name, file }) => ({ name, file, sql: readFileSync(file, 'utf8') }))
}

/**
 * Applies the migrations and seeds that the database does not have yet. Each file runs in its own transaction, which
 * also records it.
 *
 * @throws Error that names the file and what PostgreSQL says; PostgreSQL's error is its cause
 */
export async function applyMigrations (
  db: Pick<Database, 'query' | 'transaction'>, migrations: Migration[], log: Log
): Promise<void> {
  await db.query('CREATE SCHEMA IF NOT EXISTS sandbox; CREATE TABLE IF NOT EXISTS sandbox.applied (name text PRIMARY KEY)')
  const { rows } = await db.query<{ name: string }>('SELECT name FROM sandbox.applied')
  for (const { name, file, sql } of migrations.filter(({ name }) => !rows.some(row => row.name === name))) {
    log(`Applying ${name}`)
    await db.transaction(async (connection) => {
      await connection.query(sql)
      await connection.query('INSERT INTO sandbox.applied VALUES ($1)', [name])
    }).catch((error: unknown) => { throw new Error(`${file}: ${(error as Error).message}`, { cause: error }) })
  }
}
