import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import type { Test } from 'tap'

const server = process.env['TEST_DATABASE_URL']

/** Why a test that needs a PostgreSQL server is skipped; `false` where there is one. */
export const noServer = server === undefined
  && 'TEST_DATABASE_URL names no PostgreSQL server (.ci/with-postgres starts one and runs a command with it)'

/** Runs SQL beside the databases of the tests. */
export async function onServer (sql: string): Promise<void> {
  const client = new pg.Client(server)
  await client.connect()
  await client.query(sql)
  await client.end()
}

/** The URL of a new, empty database, which is dropped after the test. */
export async function createDatabase (t: Test): Promise<string> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(`CREATE DATABASE ${name}`)
  t.teardown(() => onServer(`DROP DATABASE ${name} WITH (FORCE)`))
  return Object.assign(new URL(String(server)), { pathname: name }).href
}

/** A connection of the test's own. */
export async function connect (t: Test, url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  return client
}

/** Resolves when that many statements of the connection's database wait for a lock that another transaction holds. */
export async function waitUntilBlocked (client: pg.Client, statements: number): Promise<void> {
  const sql = 'SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = \'Lock\''
  while ((await client.query(sql)).rows.length < statements) {
    await setTimeout(5)
    // In a transaction, PostgreSQL answers from a snapshot.
    await client.query('SELECT pg_stat_clear_snapshot()')
  }
}
