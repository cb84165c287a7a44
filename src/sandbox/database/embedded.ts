import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { Transaction } from '@electric-sql/pglite'
import type { SqlConnection, Database, Result } from './sql-connection.ts'
import { explainMissingExtension, loadExtensions } from './extensions.ts'
import { lockFolder } from './lock.ts'
import { applyMigrations } from './migrations.ts'
import type { Log, Migration } from './migrations.ts'

/** PGlite's version of PostgreSQL, whose data it can read. */
const embeddedVersion = '18'

function checkVersion (data: string, folder: string): void {
  const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  if (version === embeddedVersion) return
  throw new Error(`The data folder ${folder} was made by PostgreSQL ${version}, and the embedded PostgreSQL, version `
    + `${embeddedVersion}, cannot read it: delete the folder to start with a new database, or set SANDBOX_DATA_DIR to `
    + 'another folder')
}

/** Creates the database in another place and moves it when it is complete, so that no partial one can remain. */
async function prepare (folder: string, log: Log): Promise<string> {
  const data = join(folder, 'postgres')
  if (existsSync(data)) {
    checkVersion(data, folder)
    return data
  }
  log(`Preparing PostgreSQL in ${folder}: once, about ten seconds`)
  const preparing = join(folder, 'preparing')
  rmSync(preparing, { recursive: true, force: true })
  const db = await PGlite.create(preparing)
  await db.close()
  renameSync(preparing, data)
  return data
}

function connectionOf (db: PGlite | Transaction): SqlConnection {
  return {
    query: async <Row>(sql: string, params?: Array<string | null>): Promise<Result<Row>> => {
      if (params !== undefined) return db.query<Row>(sql, params)
      const results = await db.exec(sql)
      return { rows: (results.at(-1)?.rows ?? []) as Row[] }
    }
  }
}

/**
 * Opens the embedded PostgreSQL and applies the migrations.
 *
 * @param folder - where it keeps its data; `memory://` keeps nothing
 * @throws Error if another process uses the folder, another PostgreSQL made it, or a migration fails
 */
export async function openEmbedded (folder: string, migrations: Migration[], log: Log): Promise<Database> {
  const isInMemory = folder === 'memory://'
  if (!isInMemory) mkdirSync(folder, { recursive: true })
  // Two processes on one folder would lose rows silently.
  const release = isInMemory ? undefined : lockFolder(folder)
  const opened: PGlite[] = []
  const close = async (): Promise<void> => {
    for (const pglite of opened) await pglite.close()
    release?.()
  }
  try {
    const dataDir = isInMemory ? folder : await prepare(folder, log)
    const pglite = await PGlite.create({ dataDir, extensions: await loadExtensions(migrations) })
    opened.push(pglite)
    const db: Database = {
      ...connectionOf(pglite),
      description: `the embedded PostgreSQL, data ${isInMemory ? 'in memory' : `in ${folder}`}`,
      transaction: async run => pglite.transaction(async transaction => run(connectionOf(transaction))),
      close
    }
    await applyMigrations(db, migrations, log)
    return db
  } catch (error) {
    await close()
    throw explainMissingExtension(error)
  }
}
