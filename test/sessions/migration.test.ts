import { readFileSync } from 'node:fs'
import t from 'tap'
import { connect, createDatabase, noServer } from '../support/postgres.ts'

const read = (name: string): string => readFileSync(`hasura/migrations/default/${name}.sql`, 'utf8')
const [init, up, down] = ['1700000000000_init/up', '1700000100000_sessions/up', '1700000100000_sessions/down'].map(read)

t.test('the upgrade keeps the users, and so does the way back', { skip: noServer }, async (t) => {
  const sql = await connect(t, await createDatabase(t))
  const users = async () => {
    const { rows } = await sql.query<{ id: number, updated_at: Date }>(
      'SELECT id, email, password, default_role, updated_at FROM "user" ORDER BY id'
    )
    return rows
  }
  await sql.query(String(init))
  // A trigger may not refer to a whole row that has a generated column.
  await sql.query('ALTER TABLE "user" ADD domain text GENERATED ALWAYS AS (split_part(email, \'@\', 2)) STORED')
  await sql.query('INSERT INTO "user" (email, password) SELECT n || \'@b.test\', \'hash\' FROM generate_series(1, 100) AS n')
  const before = await users()
  t.equal(before.length, 100)

  for (const round of [1, 2]) {
    await sql.query(String(up))
    t.strictSame(await users(), before, `up, round ${round}`)
    await sql.query('UPDATE "user" SET last_login_at = now()')
    t.strictSame(await users(), before, 'a login is no change of the user')
    await sql.query('BEGIN')
    await sql.query('UPDATE "user" SET default_role = \'admin\' WHERE id = $1', [before[0]?.id])
    t.notSame((await users())[0]?.updated_at, before[0]?.updated_at, 'another role is one')
    await sql.query('ROLLBACK')
    await sql.query(`INSERT INTO user_session (id, user_id, created_at, refreshed_at, idle_expires_at, expires_at)
      SELECT gen_random_uuid(), id, now(), now(), now() + '1 day', now() + '1 day' FROM "user" WHERE id IN ($1, $2)`,
    [before[0]?.id, before[1]?.id])
    await sql.query(String(down))
    t.strictSame(await users(), before, `down, round ${round}`)
  }
  await sql.query('UPDATE "user" SET default_role = default_role WHERE id = $1', [before[0]?.id])
  const [changed] = await users()
  t.notSame(changed?.updated_at, before[0]?.updated_at, 'the trigger of the first migration is back')
})
