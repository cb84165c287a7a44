import t from 'tap'
import type { Test } from 'tap'
import { dataFolder } from './folders.ts'
import { createDatabase, noServer } from './postgres.ts'

/** The embedded PostgreSQL, or a database of a PostgreSQL server. */
export type DatabaseKind = 'embedded' | 'server'

/** The sandbox's settings for a database of the test's own. */
export async function databaseSettings (t: Test, kind: DatabaseKind) {
  if (kind === 'embedded') return { SANDBOX_DATA_DIR: dataFolder(t) }
  return { SANDBOX_DATA_DIR: '/dev/null', SANDBOX_DATABASE_URL: await createDatabase(t) }
}

/** Defines a test twice: on the embedded PostgreSQL, and on a PostgreSQL server where there is one. */
export function onEachDatabase (title: string, run: (t: Test, database: DatabaseKind) => Promise<void>): void {
  void t.test(`${title} (embedded PostgreSQL)`, async t => run(t, 'embedded'))
  void t.test(`${title} (PostgreSQL server)`, { skip: noServer }, async t => run(t, 'server'))
}
