import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { openDatabase } from '../../../src/sandbox/database/database.ts'
import { databaseSettings, onEachDatabase } from '../../support/databases.ts'
import { dataFolder, hasura, temporaryFolder } from '../../support/folders.ts'
import { skipSlow } from '../../support/slow.ts'

const quiet = (): void => { /* says nothing */ }

/** The project, with more migrations. */
function projectWith (t: Test, migrations: Record<string, string>): string {
  const project = temporaryFolder(t)
  cpSync(hasura, project, { recursive: true })
  for (const [name, sql] of Object.entries(migrations)) {
    mkdirSync(join(project, 'migrations/default', name))
    writeFileSync(join(project, 'migrations/default', name, 'up.sql'), sql)
  }
  return project
}

t.test('a folder in use is refused, and free again afterwards', async (t) => {
  const folder = dataFolder(t)
  const first = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet)
  await t.rejects(openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet), {
    message: `The data folder ${folder} is in use by process ${process.pid}: stop it, or set SANDBOX_DATA_DIR to `
      + `another folder (if that process is not a sandbox, delete ${join(folder, `lock.${process.pid}`)})`
  })
  t.strictSame(readdirSync(folder), [`lock.${process.pid}`, 'postgres'])
  await first.close()
  t.strictSame(readdirSync(folder), ['postgres'])
  const second = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet)
  await second.close()
})

t.test('an interrupted preparation starts again', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'preparing'))
  writeFileSync(join(folder, 'preparing', 'PG_VERSION'), '18')
  const lines: string[] = []
  const db = await openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, (line) => { lines.push(line) })
  t.match((await db.query('SELECT email FROM "user"')).rows, [{ email: 'admin@site.com' }])
  t.strictSame(lines, [
    `Preparing PostgreSQL in ${folder}: once, about ten seconds`,
    'Applying migration 1700000000000_init',
    'Applying migration 1700000100000_sessions',
    'Applying seed 1700000000000_administrator.sql'
  ])
  await db.close()
  t.strictSame(readdirSync(folder), ['postgres'])
})

onEachDatabase('migrations are applied in order and once, each whole or not at all', async (t, database) => {
  const settings = await databaseSettings(t, database)
  const broken = 'INSERT INTO step VALUES (3); INSERT INTO nowhere VALUES (4)'
  const project = projectWith(t, {
    '1800000000001_row': 'INSERT INTO step VALUES (1); INSERT INTO step VALUES (2)',
    '1800000000000_table': 'CREATE TABLE step (number integer)',
    '1800000000002_broken': broken
  })
  const lines: string[] = []
  const log = (line: string): void => { if (line.includes('18000')) lines.push(line) }
  await t.rejects(openDatabase(settings, project, log), {
    constructor: Error, message: /1800000000002_broken\/up\.sql: relation "nowhere" does not exist$/
  })
  writeFileSync(join(project, 'migrations/default/1800000000002_broken/up.sql'), 'INSERT INTO step VALUES (5)')
  const db = await openDatabase(settings, project, log)
  t.teardown(db.close)
  t.strictSame((await db.query('SELECT number FROM step ORDER BY number')).rows, [{ number: 1 }, { number: 2 }, { number: 5 }])
  t.strictSame(lines, [
    'Applying migration 1800000000000_table', 'Applying migration 1800000000001_row',
    'Applying migration 1800000000002_broken', 'Applying migration 1800000000002_broken'
  ])
})

onEachDatabase('migrations create extensions', async (t, database) => {
  const settings = await databaseSettings(t, database)
  const project = projectWith(t, {
    '1800000000000_extensions': `CREATE EXTENSION pgcrypto;
      create extension if not exists "uuid-ossp" with schema public;
      CREATE  EXTENSION
        IF NOT EXISTS citext;
      CREATE EXTENSION "pg_trgm";
      CREATE EXTENSION IF NOT EXISTS plpgsql;
      CREATE TABLE person (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), name citext UNIQUE, names citext[]);
      INSERT INTO person (name, names) VALUES ('Ann', ARRAY['Ann', 'ANN']::citext[])`
  })
  // The second time, the extensions are in the database already.
  for (const time of ['first', 'second']) {
    const db = await openDatabase(settings, project, quiet)
    const { rows } = await db.query(`SELECT encode(digest('abc', 'sha256'), 'hex') AS hash, name::text, names::text, id = uuid_nil() AS nil,
      similarity('a', 'a') AS similarity FROM person WHERE name = 'ANN'`)
    t.strictSame(rows, [
      { hash: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', name: 'Ann', names: '{Ann,ANN}', nil: false, similarity: 1 }
    ], time)
    await t.rejects(db.query('INSERT INTO person (name) VALUES (\'ann\')'), { code: '23505', constraint: 'person_name_key' })
    await db.close()
  }
})

t.test('an extension that the embedded PostgreSQL does not have is an error that names it', async (t) => {
  const project = projectWith(t, { '1800000000000_map': 'CREATE EXTENSION postgis' })
  await t.rejects(openDatabase({ SANDBOX_DATA_DIR: dataFolder(t) }, project, quiet), {
    constructor: Error,
    message: `${join(project, 'migrations/default/1800000000000_map/up.sql')}: extension "postgis" is not available in the `
      + 'embedded PostgreSQL: set SANDBOX_DATABASE_URL to a PostgreSQL that has it'
  })
})

t.test('data of another version of PostgreSQL are refused and not changed', async (t) => {
  const folder = dataFolder(t)
  const file = join(folder, 'postgres/PG_VERSION')
  const current = readFileSync(file, 'utf8').trim()
  for (const version of ['17', '19']) {
    writeFileSync(file, `${version}\n`)
    await t.rejects(openDatabase({ SANDBOX_DATA_DIR: folder }, hasura, quiet), {
      constructor: Error,
      message: `The data folder ${folder} was made by PostgreSQL ${version}, and the embedded PostgreSQL, version `
        + `${current}, cannot read it: delete the folder to start with a new database, or set SANDBOX_DATA_DIR to another folder`
    })
    t.strictSame(readdirSync(folder), ['postgres'])
    t.equal(readFileSync(file, 'utf8'), `${version}\n`)
  }
})

t.test('in memory, nothing is kept and nothing is locked', { skip: skipSlow }, async (t) => {
  const db = await openDatabase({ SANDBOX_DATA_DIR: 'memory://' }, hasura, quiet)
  t.match((await db.query('SELECT count(*)::int AS count FROM "user"')).rows, [{ count: 1 }])
  await db.close()
  t.notOk(existsSync('memory:'))
})
