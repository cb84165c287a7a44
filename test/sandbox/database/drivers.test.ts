import { openDatabase } from '../../../src/sandbox/database/database.ts'
import { databaseSettings, onEachDatabase } from '../../support/databases.ts'
import { hasura } from '../../support/folders.ts'

/** Both databases must give the same, so every expectation is written once. */
onEachDatabase('the interface of the database', async (t, database) => {
  const settings = await databaseSettings(t, database)
  const db = await openDatabase(settings, hasura, () => { /* quiet */ })
  t.teardown(db.close)

  t.test('a value of each type that the sandbox reads', async (t) => {
    const table: Array<[string, unknown]> = [
      ['(-2147483648)::int4', -2_147_483_648],
      ['count(*)::integer', 1],
      ['true', true],
      ['false', false],
      ['NULL::integer', null],
      ['\'a\'::text', 'a'],
      ['\'a\'::name', 'a'],
      ['9007199254740993::int8::text', '9007199254740993'],
      ['\'1 day 02:00\'::interval::text', '1 day 02:00:00'],
      ['\'2024-02-29T12:00+02\'::timestamptz::text', '2024-02-29 10:00:00+00'],
      ['to_jsonb(\'2024-02-29T12:00+02\'::timestamptz)', '2024-02-29T10:00:00+00:00'],
      ['to_jsonb(\'\\x00ff\'::bytea)', '\\x00ff'],
      ['to_jsonb(9007199254740993)::text', '9007199254740993'],
      ['\'{"b": [1, null], "a": "x"}\'::json', { b: [1, null], a: 'x' }],
      ['\'[1.50, "é"]\'::jsonb', [1.5, 'é']],
      ['\'null\'::jsonb', null]
    ]
    for (const [expression, value] of table) {
      t.strictSame((await db.query(`SELECT ${expression} AS value`)).rows, [{ value }], expression)
      t.strictSame((await db.query(`SELECT ${expression} AS value`, [])).rows, [{ value }], `${expression}, prepared`)
    }
  })

  t.test('a parameter is text, and the statement casts it', async (t) => {
    const table: Array<[string, string | null, string | null]> = [
      ['integer', '12', '12'], ['int8', '9007199254740993', '9007199254740993'], ['boolean', 'yes', 'true'],
      ['jsonb', '{"a":[1]}', '{"a": [1]}'], ['text', '{"a"}', '{"a"}'], ['text', '', ''], ['text[]', '{a,NULL}', '{a,NULL}'],
      ['timestamptz', '2024-02-29 12:00+02', '2024-02-29 10:00:00+00'], ['integer', null, null]
    ]
    for (const [type, param, value] of table) {
      t.strictSame((await db.query(`SELECT $1::text::${type}::text AS value`, [param])).rows, [{ value }], `${type} ${String(param)}`)
    }
  })

  t.test('without parameters several statements run, and the last one answers', async (t) => {
    t.strictSame((await db.query('CREATE TABLE n (n integer); INSERT INTO n VALUES (1), (2); SELECT n FROM n')).rows, [{ n: 1 }, { n: 2 }])
    t.strictSame((await db.query('SELECT 1; DELETE FROM n')).rows, [])
    t.strictSame((await db.query('-- nothing')).rows, [])
    await t.rejects(db.query('INSERT INTO n VALUES (3); SELECT 1 / 0'), { code: '22012' })
    t.strictSame((await db.query('SELECT n FROM n')).rows, [], 'they are one transaction')
  })

  t.test('an error has PostgreSQL\'s fields', async (t) => {
    await db.query(`CREATE TABLE parent (id integer PRIMARY KEY, name text NOT NULL CONSTRAINT named CHECK (name <> ''));
      CREATE TABLE child (parent_id integer REFERENCES parent); INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1)`)
    const table: Array<[string, Record<string, string | undefined>]> = [
      ['INSERT INTO parent VALUES (1, \'b\')', {
        code: '23505', message: 'duplicate key value violates unique constraint "parent_pkey"', constraint: 'parent_pkey',
        detail: 'Key (id)=(1) already exists.', schema: 'public', table: 'parent', column: undefined
      }],
      ['INSERT INTO parent VALUES (2, NULL)', {
        code: '23502', message: 'null value in column "name" of relation "parent" violates not-null constraint',
        detail: 'Failing row contains (2, null).', constraint: undefined, table: 'parent', column: 'name'
      }],
      ['INSERT INTO parent VALUES (2, \'\')', {
        code: '23514', message: 'new row for relation "parent" violates check constraint "named"', constraint: 'named',
        detail: 'Failing row contains (2, ).'
      }],
      ['INSERT INTO child VALUES (7)', {
        code: '23503', constraint: 'child_parent_id_fkey', detail: 'Key (parent_id)=(7) is not present in table "parent".',
        message: 'insert or update on table "child" violates foreign key constraint "child_parent_id_fkey"', table: 'child'
      }],
      ['DELETE FROM parent', {
        code: '23503', constraint: 'child_parent_id_fkey', detail: 'Key (id)=(1) is still referenced from table "child".',
        message: 'update or delete on table "parent" violates foreign key constraint "child_parent_id_fkey" on table "child"'
      }],
      ['SELECT \'x\'::integer', { code: '22P02', message: 'invalid input syntax for type integer: "x"', position: '8' }],
      ['SELECT nothing', { code: '42703', message: 'column "nothing" does not exist', position: '8' }],
      ['SELEC 1', { code: '42601', message: 'syntax error at or near "SELEC"', position: '1' }],
      ['SELECT 2147483647 + 1', { code: '22003', message: 'integer out of range' }],
      ['DO $$ BEGIN RAISE \'stop\' USING ERRCODE = \'P0002\', DETAIL = \'why\', HINT = \'how\'; END $$',
        { code: 'P0002', message: 'stop', detail: 'why', hint: 'how' }]
    ]
    for (const [sql, fields] of table) {
      for (const params of [undefined, []]) {
        const answer: unknown = await db.query(sql, params).catch((error: unknown) => error)
        const error = answer as Record<string, unknown>
        const actual = Object.fromEntries(Object.keys(fields).map(name => [name, error[name]]))
        t.strictSame({ ...actual, severity: error['severity'] }, { ...fields, severity: 'ERROR' }, sql)
      }
    }
  })

  t.test('a transaction is atomic and READ COMMITTED', async (t) => {
    await db.query('CREATE TABLE once (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED)')
    const rows = async (): Promise<unknown> => (await db.query('SELECT n FROM once ORDER BY n')).rows
    const answer = await db.transaction(async (connection) => {
      await connection.query('INSERT INTO once VALUES ($1::integer)', ['1'])
      return (await connection.query('SHOW transaction_isolation')).rows
    })
    t.strictSame(answer, [{ transaction_isolation: 'read committed' }])
    t.strictSame(await rows(), [{ n: 1 }])

    const reason = new Error('no')
    await t.rejects(db.transaction(async (connection) => {
      await connection.query('INSERT INTO once VALUES (2)')
      throw reason
    }), reason)
    await t.rejects(db.transaction(async (connection) => {
      await connection.query('INSERT INTO once VALUES (3)')
      await connection.query('SELECT 1 / 0')
    }), { code: '22012' })
    await t.rejects(db.transaction(async (connection) => {
      await connection.query('INSERT INTO once VALUES (4)')
      await connection.query('SELECT 1 / 0').catch(() => { /* as if it had not failed */ })
    }), 'a failed statement rolls back, even if its error is caught')
    await t.rejects(db.transaction(async connection => connection.query('INSERT INTO once VALUES (1)')),
      { code: '23505' }, 'a constraint that is checked at the end')
    t.strictSame(await rows(), [{ n: 1 }])
  })
})
