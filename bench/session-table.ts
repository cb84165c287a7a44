import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { Client } from 'undici'
import { createRefreshTokens } from '../src/sessions/refresh-token.ts'
import { interleave, median } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startServer, startService } from './servers.ts'
import { adminSecret, headers, tokenSecret } from './users.ts'

const clients = 8
const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const { encode } = createRefreshTokens([tokenSecret])

const insertSessions = `INSERT INTO user_session (id, user_id, created_at, refreshed_at, idle_expires_at, expires_at, ended_at)
  SELECT gen_random_uuid(), (SELECT min(id) FROM "user") + n % 10000, now(), now() - random() * '14 days'::interval,
    now() + '14 days'::interval, now() + random() * '30 days'::interval, CASE WHEN n % 50 = 0 THEN now() END
  FROM generate_series(1, $1) AS n`

async function runOn (server: string, sql: string): Promise<void> {
  const maintenance = new pg.Client(server)
  await maintenance.connect()
  await maintenance.query(sql)
  await maintenance.end()
}

/** Creates a database with as many sessions. `refresh` refreshes others, and returns how many it does in a second. */
async function start (server: string, sessions: number, requestsPerClient: number) {
  const name = `bench_${randomBytes(8).toString('hex')}`
  await runOn(server, `CREATE DATABASE ${name}`)
  const database = Object.assign(new URL(server), { pathname: name }).href
  const hasura = await startServer('sandbox-server.js', {
    SANDBOX_DATABASE_URL: database, HASURA_GRAPHQL_ADMIN_SECRET: adminSecret, PROJECT: process.cwd()
  })
  // Without a grace, every refresh moves its session on.
  const service = await startService(hasura, cheap, { TOKEN_SECRET: tokenSecret, REFRESH_GRACE_SECONDS: '0' })

  const sql = new pg.Client(database)
  await sql.connect()
  await sql.query('INSERT INTO "user" (email, password) SELECT n || \'@bench.test\', \'\' FROM generate_series(1, 10000) AS n')
  await sql.query(insertSessions, [sessions])
  const expiresAt = Math.floor(Date.now() / 1000) + 86_400
  const tokens = Array.from({ length: clients }, () => ({ sessionId: randomUUID(), generation: 0, expiresAt }))
  for (const { sessionId } of tokens) {
    await sql.query(`INSERT INTO user_session (id, user_id, created_at, refreshed_at, idle_expires_at, expires_at)
      SELECT $1, min(id), now(), now(), now() + '1 day', to_timestamp($2) FROM "user"`, [sessionId, expiresAt])
  }
  await sql.query('VACUUM ANALYZE')
  await sql.end()

  const refresh = async (): Promise<number> => {
    const begin = performance.now()
    await Promise.all(tokens.map(async (token) => {
      const client = new Client(service.url)
      for (let request = 0; request < requestsPerClient; request++) {
        const body = JSON.stringify({ input: { refresh_token: encode(token) } })
        const answer = await client.request({ method: 'POST', path: '/refresh', headers, body })
        const { refresh_token: next } = await answer.body.json() as { refresh_token?: string }
        token.generation++
        if (next !== encode(token)) throw new Error(`A refresh answered ${answer.statusCode} without the next token`)
      }
      await client.close()
    }))
    return clients * requestsPerClient / (performance.now() - begin) * 1000
  }
  return { refresh, drop: async () => runOn(server, `DROP DATABASE ${name} WITH (FORCE)`) }
}

/** Refreshes on a PostgreSQL server with many sessions, compared with a table that has only those of the clients. */
export async function sessionTable ({ isQuick, rounds, progress }: Context): Promise<Report> {
  const server = process.env['TEST_DATABASE_URL']
  if (server === undefined) throw new Error('TEST_DATABASE_URL names no PostgreSQL server: run .ci/with-postgres npm run bench')
  const sessions = isQuick ? 1000 : 1_000_000
  progress(`inserting ${sessions} sessions`)
  const full = await start(server, sessions, isQuick ? 2 : 60)
  const empty = await start(server, 0, isQuick ? 2 : 60)
  progress(`${rounds} rounds`)
  // The first two rounds compile the code.
  const results = (await interleave<[number, number]>(rounds + 2, full.refresh, empty.refresh)).slice(2)
  for (const { drop } of [full, empty]) await drop()
  const row = (name: string, rates: number[]): string[] => [name, median(rates).toFixed(0)]
  return {
    title: 'Refreshes with many sessions in PostgreSQL',
    columns: ['sessions', 'refreshes per second'],
    rows: [
      row(sessions.toLocaleString('en'), results.map(([full]) => full)), row(String(clients), results.map(([, empty]) => empty))
    ],
    notes: [
      `The ratio of the rates is ${median(results.map(([full, empty]) => full / empty)).toFixed(2)}×. ${clients} clients. The sandbox takes the `
      + 'place of Hasura, with a PostgreSQL server.'
    ]
  }
}
