import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { Extension, Extensions, Transaction } from '@electric-sql/pglite'
import { lockFolder } from './lock.ts'
import { applyMigrations } from './migrations.ts'
import type { Log, Migration } from './migrations.ts'
import type { Database, Result, SqlConnection } from './sql-connection.ts'

/** PGlite's version of PostgreSQL, whose data it can read. */
const embeddedVersion = '18'

/**
 * Returns the folder of the data. A new database is created in another folder and moved when it is complete, so that no
 * partial database can remain.
 */
async function prepare (folder: string, log: Log): Promise<string> {
  const data = join(folder, 'postgres')
  if (existsSync(data)) {
    const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
    if (version === embeddedVersion) return data
    throw new Error(`The data folder ${folder} was made by PostgreSQL ${version}, and the embedded PostgreSQL, version `
      + `${embeddedVersion}, cannot read it: delete the folder to start with a new database, or set SANDBOX_DATA_DIR to `
      + 'another folder')
  }
  log(`Preparing PostgreSQL in ${folder}: once, about ten seconds`)
  const preparing = join(folder, 'preparing')
  rmSync(preparing, { recursive: true, force: true })
  const db = await PGlite.create(preparing)
  await db.close()
  renameSync(preparing, data)
  return data
}

/**
 * Makes PGlite link each extension when PostgreSQL asks for it. By default PGlite links all of them at once, and in one
 * start of ten, pgcrypto then refuses every algorithm.
 */
const linkOnDemand: Extension = {
  name: 'link on demand',
  setup: async (_, options: object) => ({ emscriptenOpts: { ...options, noWasmDecoding: true } })
}

/** Loads the extensions that the migrations create. PGlite has a module for each of PostgreSQL's own extensions. */
async function loadExtensions (migrations: Migration[]): Promise<Extensions> {
  const creation = /create\s+extension\s+(?:if\s+not\s+exists\s+)?"?([\w-]+)/gi
  const names = migrations.flatMap(({ sql }) => [...sql.matchAll(creation)].map(([, name = '']) => name.toLowerCase()))
  const loaded: Extensions = { linkOnDemand }
  for (const name of names) {
    // If PGlite does not have an extension, PostgreSQL reports that when the migration creates it.
    const module = import(`@electric-sql/pglite/contrib/${name.replaceAll('-', '_')}`) as Promise<Extensions>
    Object.assign(loaded, await module.catch(() => ({})))
  }
  return loaded
}

/** Says what to do about an extension that PGlite does not have; returns other errors unchanged. */
function explainMissingExtension (error: unknown): unknown {
  if (!(error instanceof Error && error.cause instanceof Error)) return error
  if (!/^extension ".*" is not available$/.test(error.cause.message)) return error
  return new Error(`${error.message} in the embedded PostgreSQL: set SANDBOX_DATABASE_URL to a PostgreSQL that has it`)
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
  let opened: PGlite | undefined
  const close = async (): Promise<void> => {
    await opened?.close()
    release?.()
  }
  try {
    const dataDir = isInMemory ? folder : await prepare(folder, log)
    const pglite = opened = await PGlite.create({ dataDir, extensions: await loadExtensions(migrations) })
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
