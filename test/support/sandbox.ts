import type { Test } from 'tap'
import type { Environment } from '../../src/config.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { databaseSettings } from './databases.ts'
import type { DatabaseKind } from './databases.ts'
import { hasura } from './folders.ts'
import { connect, waitUntilBlocked } from './postgres.ts'
import { settings } from './service.ts'

export interface RequestOptions { variables?: object, headers?: Record<string, string> }

/** A request to a GraphQL API; the whole body of the answer. */
export async function request (
  url: string, query: string, { variables, headers }: RequestOptions = {}
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/v1/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables })
  })
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
  return await response.json() as Record<string, unknown>
}

export interface SandboxOptions { env?: Environment, project?: string, database?: DatabaseKind }

/** A running sandbox on a database of its own, and a shorthand for each kind of caller. */
export async function sandbox (t: Test, { env = {}, project = hasura, database = 'embedded' }: SandboxOptions = {}) {
  const isGiven = 'SANDBOX_DATA_DIR' in env || 'SANDBOX_DATABASE_URL' in env
  const data = isGiven ? {} : await databaseSettings(t, database)
  const running = await startSandbox({
    env: { ...settings, SANDBOX_PORT: '0', PORT: '0', LOG_LEVEL: 'silent', ...data, ...env },
    log: (line) => { t.comment(line) },
    hasura: project
  })
  t.teardown(running.close)
  const admin = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  return {
    ...running,
    graphql: async (query: string, options?: RequestOptions) => request(running.hasuraUrl, query, options),
    /** As admin, or as another role with the session variables of the headers. */
    as: async (role: string, query: string, headers: Record<string, string> = {}) => (
      request(running.hasuraUrl, query, { headers: { ...admin, 'x-hasura-role': role, ...headers } })
    )
  }
}

/**
 * A running sandbox on a PostgreSQL server, for races: `sql` is a connection to its database, `connect` opens more, and
 * `blocked(2)` waits until two statements wait for a lock that one of them holds, and `inOrder` runs two requests that
 * need a lock of one row, the first one ahead of the second. Needs `{ skip: noServer }`.
 */
export async function sandboxOnServer (t: Test, options: Omit<SandboxOptions, 'database'> = {}) {
  const running = await sandbox(t, { ...options, database: 'server' })
  const databaseUrl = String(running.settings['SANDBOX_DATABASE_URL'])
  const sql = await connect(t, databaseUrl)
  const blocked = async (statements: number): Promise<void> => waitUntilBlocked(sql, statements)
  return {
    ...running,
    databaseUrl,
    sql,
    connect: async () => connect(t, databaseUrl),
    blocked,
    inOrder: async (row: string, first: () => Promise<unknown>, second: () => Promise<unknown>) => {
      await sql.query('BEGIN')
      await sql.query(`SELECT FROM ${row} FOR UPDATE`)
      const one = first()
      await blocked(1)
      const two = second()
      await blocked(2)
      await sql.query('COMMIT')
      return Promise.all([one, two])
    }
  }
}
