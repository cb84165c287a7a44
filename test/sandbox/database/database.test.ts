import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openDatabase } from '../../../src/sandbox/database/database.ts'
import { dataFolder, hasura, temporaryFolder } from '../../support/folders.ts'

const quiet = (): void => { /* says nothing */ }

t.test('a folder in use is refused, and free again afterwards', async (t) => {
  const folder = dataFolder(t)
  const first = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet)
  await t.rejects(openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet), {
    message: `The data folder ${folder} is in use by process ${process.pid}: stop it, or set SANDBOX_DATA_DIR to `
      + `another folder (if that process is not a sandbox, delete ${join(folder, 'lock')})`
  })
  t.equal(readFileSync(join(folder, 'lock'), 'utf8'), String(process.pid))
  await first.close()
  t.strictSame(readdirSync(folder), ['postgres'])
  const second = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet)
  await second.close()
})

t.test('the lock of a process that is gone is taken over', async (t) => {
  const gone = spawn(process.execPath, ['--version'])
  await once(gone, 'exit')
  const folder = dataFolder(t)
  writeFileSync(join(folder, 'lock'), String(gone.pid))
  const db = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet)
  t.equal(readFileSync(join(folder, 'lock'), 'utf8'), String(process.pid))
  await db.close()
  t.notOk(existsSync(join(folder, 'lock')))
})

t.test('a lock of the own id from before a restart is stale', async (t) => {
  const folder = dataFolder(t)
  const lock = join(folder, 'lock')
  writeFileSync(lock, String(process.pid))
  utimesSync(lock, 1_000_000_000, 1_000_000_000)
  const db = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet)
  await db.close()
  t.strictSame(readdirSync(folder), ['postgres'])
})

t.test('what an interrupted preparation left is no database', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'preparing'))
  writeFileSync(join(folder, 'preparing', 'PG_VERSION'), '18')
  const lines: string[] = []
  const db = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, (line) => { lines.push(line) })
  t.match((await db.query('SELECT email FROM "user"')).rows, [{ email: 'admin@site.com' }])
  t.strictSame(lines, [
    `Preparing PostgreSQL in ${folder}: once, about ten seconds`,
    'Applying migration 1700000000000_init',
    'Applying seed 1700000000000_administrator.sql'
  ])
  await db.close()
  t.strictSame(readdirSync(folder), ['postgres'])
})

t.test('migrations are applied in order and once, each whole or not at all', async (t) => {
  const folder = dataFolder(t)
  const project = temporaryFolder(t)
  cpSync(hasura, project, { recursive: true })
  const add = (name: string, sql: string): void => {
    mkdirSync(join(project, 'migrations/default', name), { recursive: true })
    writeFileSync(join(project, 'migrations/default', name, 'up.sql'), sql)
  }
  add('1800000000000_table', 'CREATE TABLE step (number integer)')
  add('1800000000001_row', 'INSERT INTO step VALUES (1); INSERT INTO step VALUES (2)')
  add('1800000000002_broken', 'INSERT INTO step VALUES (3); INSERT INTO nowhere VALUES (4)')
  const lines: string[] = []
  await t.rejects(openDatabase({ SANDBOX_DATA_DIR: folder }, project, (line) => { lines.push(line) }),
    { message: /1800000000002_broken\/up\.sql: relation "nowhere" does not exist/ })
  add('1800000000002_broken', 'INSERT INTO step VALUES (5)')
  const db = await openDatabase({ SANDBOX_DATA_DIR: folder }, project, (line) => { lines.push(line) })
  t.strictSame((await db.query('SELECT number FROM step ORDER BY number')).rows.map(row => row),
    [{ number: 1 }, { number: 2 }, { number: 5 }])
  t.strictSame(lines, [
    'Applying migration 1800000000000_table', 'Applying migration 1800000000001_row',
    'Applying migration 1800000000002_broken', 'Applying migration 1800000000002_broken'
  ])
  await db.close()
})

t.test('in memory nothing is kept and nothing is locked', async (t) => {
  const db = await openDatabase({ SANDBOX_DATA_DIR: 'memory://' }, hasura, quiet)
  t.match((await db.query('SELECT count(*)::int AS count FROM "user"')).rows, [{ count: 1 }])
  await db.close()
  t.notOk(existsSync('memory:'))
})
