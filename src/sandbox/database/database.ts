import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { LockedError, takeLock } from './lock.ts'

export type Log = (line: string) => void

/** Files to apply, in the order of the number that their names begin with. */
function filesIn (folder: string, pathOf: (name: string) => string): Array<{ name: string, file: string }> {
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter(name => /^\d+_/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .map(name => ({ name, file: join(folder, pathOf(name)) }))
}

/** Applies what has not been applied yet, each file in a transaction of its own that also records it. */
async function apply (db: PGlite, hasura: string, log: Log): Promise<void> {
  await db.exec('CREATE SCHEMA IF NOT EXISTS sandbox; CREATE TABLE IF NOT EXISTS sandbox.applied (name text PRIMARY KEY)')
  const { rows } = await db.query<{ name: string }>('SELECT name FROM sandbox.applied')
  const files = [
    ...filesIn(join(hasura, 'migrations', 'default'), name => join(name, 'up.sql'))
      .map(({ name, file }) => ({ name: `migration ${name}`, file })),
    ...filesIn(join(hasura, 'seeds', 'default'), name => name).map(({ name, file }) => ({ name: `seed ${name}`, file }))
  ]
  for (const { name, file } of files.filter(({ name }) => !rows.some(row => row.name === name))) {
    log(`Applying ${name}`)
    await db.transaction(async (transaction) => {
      await transaction.exec(readFileSync(file, 'utf8'))
      await transaction.query('INSERT INTO sandbox.applied VALUES ($1)', [name])
    }).catch((error: unknown) => { throw new Error(`${file}: ${(error as Error).message}`) })
  }
}

/** Two processes on one folder would lose rows without a word. */
function lockFolder (folder: string): () => void {
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'lock')
  try {
    return takeLock(lock)
  } catch (error) {
    if (!(error instanceof LockedError)) throw error
    throw new Error(`The data folder ${folder} is ${error.message}: stop it, or set SANDBOX_DATA_DIR to `
      + `another folder (if that process is no sandbox, delete ${lock})`)
  }
}

/** Makes the database beside its place and moves it there whole, so that an interruption leaves none by halves. */
async function prepare (folder: string, log: Log): Promise<string> {
  const data = join(folder, 'postgres')
  if (existsSync(data)) return data
  log(`Preparing PostgreSQL in ${folder}: once, for some ten seconds`)
  const preparing = join(folder, 'preparing')
  rmSync(preparing, { recursive: true, force: true })
  const db = await PGlite.create(preparing)
  await db.close()
  renameSync(preparing, data)
  return data
}

/**
 * Opens the embedded PostgreSQL, with the migrations and seeds of the Hasura project in it.
 *
 * @param folder - where its data are kept; `memory://` keeps nothing
 * @param hasura - the CLI project
 * @throws Error where another process uses the folder, or a migration fails
 */
export async function openDatabase (
  folder: string, hasura: string, log: Log
): Promise<{ db: PGlite, close: () => Promise<void> }> {
  const isInMemory = folder === 'memory://'
  const release = isInMemory ? undefined : lockFolder(folder)
  try {
    const db = await PGlite.create(isInMemory ? folder : await prepare(folder, log))
    await apply(db, hasura, log)
    const close = async (): Promise<void> => {
      await db.close()
      release?.()
    }
    return { db, close }
  } catch (error) {
    release?.()
    throw error
  }
}
