import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { DeleteStaleSessionsDocument, StaleSessionsDocument } from '../../src/generated/operations.ts'
import { createRefreshTokens } from '../../src/sessions/refresh-token.ts'
import { noServer } from '../support/postgres.ts'
import { sandboxOnServer } from '../support/sandbox.ts'
import { clientsOf, tokenSecret, tokensOf } from '../support/sessions.ts'

/** Enough that reading the whole table would be slower than an index. */
const many = 20_000
const ttlSeconds = 30 * 86_400

/** A sandbox on a PostgreSQL server with as many sessions. One in twenty is stale. */
async function start (t: Test, sessions: number) {
  const { sql, hasuraUrl, close } = await sandboxOnServer(t, { env: tokenSecret })
  const clients = clientsOf(hasuraUrl)
  await clients.signup('many@b.test')
  await sql.query(`INSERT INTO user_session (id, user_id, created_at, refreshed_at, idle_expires_at, expires_at, ended_at)
    SELECT gen_random_uuid(), (SELECT id FROM "user" WHERE email = 'many@b.test'), now() - n * '1 minute'::interval,
      now() - '1 hour'::interval, now() + '1 day', now() + '1 day' - (n % 40 = 0)::integer * '20 days'::interval,
      CASE WHEN n % 40 = 1 THEN now() - '20 days'::interval END
    FROM generate_series(1, $1) AS n`, [sessions])
  await sql.query('VACUUM ANALYZE user_session')

  /** Inserts a session that was refreshed an hour ago. Returns its refresh token. */
  const insert = async (): Promise<string> => {
    const id = randomUUID()
    const expiresAt = Math.floor(Date.now() / 1000) + ttlSeconds
    await sql.query(`INSERT INTO user_session (id, user_id, created_at, refreshed_at, idle_expires_at, expires_at)
      SELECT $1, id, now(), now() - '1 hour'::interval, now() + '1 day', to_timestamp($2) FROM "user" WHERE email = 'many@b.test'`,
    [id, expiresAt])
    return createRefreshTokens([tokenSecret.TOKEN_SECRET]).encode({ sessionId: id, generation: 0, expiresAt })
  }
  /** Ends the sandbox, and waits until the connections of its pool have ended, too: each reports its counts then. */
  const closeAndReport = async (): Promise<void> => {
    await close()
    let open = 1
    while (open > 0) {
      const { rows } = await sql.query<{ open: number }>(`SELECT count(*)::integer AS open FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`)
      open = Number(rows[0]?.open)
    }
  }
  return { ...clients, sql, insert, close: closeAndReport }
}

t.test('refreshes are HOT updates, because no index contains what they change', { skip: noServer }, async (t) => {
  const counts: Array<{ updates: number, hot: number }> = []
  for (const index of ['', 'CREATE INDEX ON user_session (idle_expires_at)']) {
    const { age, close, insert, refresh, sql } = await start(t, 0)
    await sql.query(index)
    for (let session = 0; session < 2; session++) {
      let token = await insert()
      for (let round = 0; round < 10; round++) {
        const { session_id: id, refresh_token: next } = tokensOf(t, await refresh(token))
        token = next
        await age(id, 61)
      }
    }
    await close()
    const { rows: [count = { updates: 0, hot: 0 }] } = await sql.query<{ updates: number, hot: number }>(
      `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot FROM pg_stat_user_tables WHERE relname = 'user_session'`
    )
    counts.push(count)
  }
  t.match(counts, [{ updates: 40, hot: 40 }, { updates: 40 }])
  t.ok(Number(counts[1]?.hot) <= 20, 'with such an index, only the updates of refreshed_at are HOT')
})

t.test('refresh, the query within the grace, and clean-up read no table from end to end', { skip: noServer }, async (t) => {
  const { asAdmin, close, insert, refresh, sql } = await start(t, many)
  const before = new Date(Date.now() - 7 * 86_400_000).toISOString()
  const scans = async () => {
    const { rows: [count] } = await sql.query<{ sequential: number, index: number }>(
      `SELECT seq_scan::integer AS sequential, idx_scan::integer AS index FROM pg_stat_user_tables WHERE relname = 'user_session'`
    )
    return count ?? { sequential: NaN, index: NaN }
  }
  const first = await scans()

  const token = await insert()
  const { refresh_token: next } = tokensOf(t, await refresh(token))
  t.equal(tokensOf(t, await refresh(token)).refresh_token, next)
  t.match(await refresh(next), { refresh_token: null })
  const { data } = await asAdmin(StaleSessionsDocument.toString(), { before })
  const { ended, expired } = data as Record<'ended' | 'expired', Array<{ id: string }>>
  t.strictSame([ended.length, expired.length], [500, 500])
  const ids = [...ended, ...expired].map(({ id }) => id)
  t.strictSame((await asAdmin(DeleteStaleSessionsDocument.toString(), { ids, before })).data, {
    delete_user_session: { affected_rows: 1000 }
  })
  // PostgreSQL's statistics still count the thousand sessions that were just deleted.
  t.strictSame((await asAdmin(StaleSessionsDocument.toString(), { before })).data, { ended: [], expired: [] })

  await close()
  const last = await scans()
  t.equal(last.sequential, first.sequential)
  t.ok(last.index > first.index)
})

/** The conditions in the SQL that Hasura generates from the operations. */
const isAlive = `ended_at IS NULL AND idle_expires_at > now() AND expires_at > now() AND EXISTS (
  SELECT 1 FROM public."user" AS u WHERE u.id = user_session.user_id AND u.disabled_at IS NULL)`
const one = 'id = \'0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6\'::uuid'
const longAgo = 'now() - \'7 days\'::interval'
const statements: Array<[operation: string, sql: string, indexes: string[]]> = [
  ['swap', `UPDATE user_session SET generation = 1 WHERE ${one} AND generation = 0 AND refreshed_at <= now() AND ${isAlive}`,
    ['user_session_pkey']],
  ['reuse', `UPDATE user_session SET ended_at = now() WHERE ${one} AND ended_at IS NULL AND (generation > 1 OR
    (generation = 1 AND refreshed_at < now()))`, ['user_session_pkey']],
  ['grace', `SELECT * FROM user_session WHERE ${one} AND generation IN (0, 1) AND refreshed_at >= now() AND ${isAlive}`,
    ['user_session_pkey']],
  ['ended', `SELECT id FROM user_session WHERE ended_at < ${longAgo} ORDER BY ended_at ASC LIMIT 500`, ['user_session_ended_at']],
  ['expired', `SELECT id FROM user_session WHERE expires_at < ${longAgo} ORDER BY expires_at ASC LIMIT 500`, ['user_session_expires_at']],
  ['delete', `DELETE FROM user_session WHERE id IN (SELECT gen_random_uuid() FROM generate_series(1, 1000)) AND
    (ended_at < ${longAgo} OR expires_at < ${longAgo})`, ['user_session_pkey', 'user_session_e']],
  ['own sessions', 'UPDATE user_session SET ended_at = now() WHERE user_id = 1 AND ended_at IS NULL', ['user_session_user_id']]
]

t.test('PostgreSQL plans every operation on sessions with an index', { skip: noServer }, async (t) => {
  const { sql } = await start(t, many)
  for (const [operation, statement, indexes] of statements) {
    const { rows } = await sql.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${statement}`)
    const plan = rows.map(row => row['QUERY PLAN']).join('\n')
    t.ok(indexes.some(index => plan.includes(index)), `${operation}: ${plan}`)
    t.notMatch(plan, 'Seq Scan on user_session', operation)
  }
})
