import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolders } from '../metadata/project-files.ts'
import type { Database } from './sql-connection.ts'

export type Log = (line: string) => void

/** A migration or a seed of the Hasura project. */
export interface Migration { name: string, file: string, sql: string }

/** The entries of the folders of all databases, in the order of the number that their names start with. */
function readFolder (folder: string, kind: string, sqlFile = ''): Migration[] {
  if (!existsSync(folder)) return []
  const databases = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory())
  const entries = databases.flatMap(({ name: database }) => readdirSync(join(folder, database)).map(entry => ({
    number: Number.parseInt(entry, 10),
    name: `${kind} ${database === 'default' ? entry : `${database}/${entry}`}`,
    file: join(folder, database, entry, sqlFile)
  })))
  return entries.filter(({ number }) => number >= 0).sort((a, b) => a.number - b.number)
    .map(({ name, file }) => ({ name, file, sql: readFileSync(file, 'utf8') }))
}

/** Reads the migrations of a Hasura CLI project, and after them its seeds, in the order in which they apply. */
export function readMigrations (hasura: string): Migration[] {
  const { migrations, seeds } = projectFolders(hasura)
  return [...readFolder(migrations, 'migration', 'up.sql'), ...readFolder(seeds, 'seed')]
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
