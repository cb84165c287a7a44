/** Makes the databases that the tests copy, in the folder that the argument names. */
import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { openDatabase } from '../../src/sandbox/database/database.ts'

const folder = process.argv[2] ?? ''
const parent = dirname(folder)
const unfinished = `${folder}.${process.pid}`

async function prepare (kind: string, project: string): Promise<void> {
  const db = await openDatabase({ SANDBOX_DATA_DIR: join(unfinished, kind) }, project, () => { /* quiet */ })
  // No test creates a database in a copy, and each copy is much smaller without the templates.
  await db.query('UPDATE pg_database SET datistemplate = false')
  for (const template of ['template0', 'template1']) await db.query(`DROP DATABASE IF EXISTS ${template}`)
  await db.close()
}

// Those of earlier inputs.
if (existsSync(parent)) {
  for (const name of readdirSync(parent).filter(name => !name.startsWith(basename(folder)))) {
    rmSync(join(parent, name), { recursive: true, force: true })
  }
}
await prepare('empty', 'no project')
cpSync(join(unfinished, 'empty'), join(unfinished, 'migrated'), { recursive: true })
await prepare('migrated', 'hasura')
try {
  renameSync(unfinished, folder)
} catch (error) {
  // Another test has prepared the same databases in the meantime.
  if (!existsSync(folder)) throw error
  rmSync(unfinished, { recursive: true, force: true })
}
