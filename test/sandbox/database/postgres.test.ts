import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { openDatabase } from '../../../src/sandbox/database/database.ts'
import { hasura, temporaryFolder } from '../../support/folders.ts'
import { connect, createDatabase, noServer, onServer } from '../../support/postgres.ts'
import { sandbox, sandboxOnServer } from '../../support/sandbox.ts'

const open = async (url: string, log: (line: string) => void = () => { /* quiet */ }) => (
  openDatabase({ SANDBOX_DATA_DIR: '/dev/null', SANDBOX_DATABASE_URL: url }, hasura, log)
)
const usage = 'SANDBOX_DATABASE_URL must be a URL such as postgres://user:password@localhost:5432/sandbox'

t.test('an invalid URL is refused and not printed', async (t) => {
  const encode = `${usage}; a password with /, ?, # or @ must be percent-encoded`
  const table: Array<[string, string]> = [
    ['sandbox', encode],
    ['localhost:5432/sandbox', encode],
    ['mysql://user:secret@localhost/sandbox', encode],
    ['postgres:/user:secret@localhost/sandbox', encode],
    ['postgres://user:sec/ret@localhost/sandbox', encode],
    ['postgres://user:12/secret@localhost/sandbox', encode],
    ['postgres://user:12?secret@localhost/sandbox', encode],
    ['postgres://user:12#secret@localhost/sandbox', encode],
    ['postgres://user:12#secret', encode],
    ['postgres://user:secret@localhost:99999/sandbox', `${usage}: Invalid URL`],
    ['postgres://user:secret%ff@localhost/sandbox', `${usage}: URI malformed`],
    ['postgres://user:secret@[::1/sandbox', `${usage}: Invalid URL`]
  ]
  for (const [url, message] of table) {
    const error = await open(url).then(() => undefined, (error: unknown) => error)
    t.strictSame([(error as Error).constructor, (error as Error).message], [Error, message], url)
    t.notMatch(String((error as Error).stack), 'secret')
  }
})

/** A server on a free port that answers what the listener writes; its URL. */
async function serverOf (t: Test, answer: (socket: Socket, chunk: Buffer) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => { /* the client has left */ })
    socket.on('data', (chunk) => { answer(socket, chunk) })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `postgres://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}/sandbox`
}

/** A message of PostgreSQL's protocol (version 3): its type, its length, its content. */
function message (type: string, ...parts: Array<Buffer | string | number>): Buffer {
  const content = Buffer.concat(parts.map((part) => {
    if (typeof part === 'string') return Buffer.from(`${part}\0`)
    return typeof part === 'number' ? Buffer.from([part >> 24, part >> 16, part >> 8, part]) : part
  }))
  const head = Buffer.alloc(5, type)
  head.writeInt32BE(content.length + 4, 1)
  return Buffer.concat([head, content])
}

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value])

const ready = message('Z', Buffer.from('I'))

/** A server that accepts everybody, and whose version is the answer to every query. */
async function serverOfVersion (t: Test, version: string): Promise<string> {
  return serverOf(t, (socket, chunk) => {
    if (chunk.at(0) === 0) socket.write(Buffer.concat([message('R', 0), ready]))
    if (String(chunk.subarray(0, 1)) !== 'Q') return
    const column = message('T', int16(1), 'server_version', 0, int16(0), 25, int16(-1), -1, int16(0))
    const row = message('D', int16(1), version.length, Buffer.from(version))
    socket.write(Buffer.concat([column, row, message('C', 'SHOW'), ready]))
  })
}

t.test('an unusable server is one line with the reason and without the password', async (t) => {
  const nobody = await serverOf(t, (socket) => { socket.destroy() })
  const web = await serverOf(t, (socket) => { socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') })
  const leaving = await serverOf(t, (socket, chunk) => {
    if (chunk.at(0) === 0) socket.write(Buffer.concat([message('R', 0), ready]))
    else socket.destroy()
  })
  const server = (url: string): string => `PostgreSQL at ${new URL(url).host}, which SANDBOX_DATABASE_URL names,`
  const hint = 'start it, or correct the URL'
  const table: Array<[string, string | RegExp]> = [
    ['postgres://user:secret@127.0.0.1:1/sandbox',
      `PostgreSQL at 127.0.0.1:1, which SANDBOX_DATABASE_URL names, cannot be reached (ECONNREFUSED): ${hint}`],
    ['postgres://user:secret@localhost:1/sandbox',
      `PostgreSQL at localhost:1, which SANDBOX_DATABASE_URL names, cannot be reached (ECONNREFUSED): ${hint}`],
    ['postgres://user:secret@name.invalid/sandbox',
      /^PostgreSQL at name\.invalid:5432, .* cannot be reached \((ENOTFOUND|EAI_AGAIN)\): start it/],
    [`postgres://user:secret@/sandbox?host=${temporaryFolder(t)}`, `cannot be reached (ENOENT): ${hint}`],
    [nobody, `${server(nobody)} cannot be reached (Connection terminated unexpectedly): ${hint}`],
    [web, `${server(web)} cannot be reached (`],
    [leaving, 'SANDBOX_DATABASE_URL: Connection terminated unexpectedly']
  ]
  for (const version of ['9.6.24', '12.22 (Debian 12.22-1)']) {
    const old = await serverOfVersion(t, version)
    const [number = ''] = version.split(' ')
    table.push([old, `${new URL(old).host}/sandbox is PostgreSQL ${number}: the sandbox needs 13 or newer`])
  }
  for (const [url, message] of table) {
    const error = await open(url).then(() => undefined, (error: unknown) => error)
    t.equal((error as Error).constructor, Error)
    t.match((error as Error).message, message)
    t.notMatch(String((error as Error).stack), 'secret')
    t.notMatch((error as Error).message, '\n')
  }
})

t.test('a PostgreSQL server', { skip: noServer }, async (t) => {
  t.test('a wrong password, user or database is reported in one line', async (t) => {
    const url = await createDatabase(t)
    const change = (changes: Partial<URL>): string => Object.assign(new URL(url), changes).href
    const server = `PostgreSQL at ${String(new URL(url).searchParams.get('host'))}:5432, which SANDBOX_DATABASE_URL names,`
    const table: Array<[string, string]> = [
      [change({ password: 'secret' }), `${server} refuses the connection: password authentication failed for user "postgres"`],
      [change({ password: '' }), `${server} requires a password, but the URL has none`],
      [change({ username: 'nobody', password: 'secret' }),
        `${server} refuses the connection: password authentication failed for user "nobody"`],
      [change({ pathname: 'nowhere' }), `${server} refuses the connection: database "nowhere" does not exist`]
    ]
    for (const [url, message] of table) await t.rejects(open(url), { constructor: Error, message }, message)
  })

  t.test('the description names the database without the password', async (t) => {
    const url = new URL(await createDatabase(t))
    const db = await open(url.href)
    t.teardown(db.close)
    const { rows: [row] } = await db.query<{ version: string }>('SELECT split_part(version(), \' \', 2) AS version')
    t.equal(db.description, `PostgreSQL ${String(row?.version)} at postgres@${String(url.searchParams.get('host'))}:5432${url.pathname}`)
  })

  t.test('a database with tables of another application is refused and not changed', async (t) => {
    const table: Array<[string, string]> = [
      ['CREATE TABLE account (id integer)', 'public.account'],
      ['CREATE VIEW numbers AS SELECT 1', 'public.numbers'],
      ['CREATE TABLE a (id integer) PARTITION BY LIST (id); CREATE TABLE "B c" (id integer); CREATE SCHEMA x; CREATE TABLE x.c ()',
        'public."B c" and 2 more'],
      ['CREATE SCHEMA hdb_catalog; CREATE TABLE hdb_catalog.hdb_metadata (id integer)', 'hdb_catalog.hdb_metadata'],
      ['CREATE SCHEMA sandbox; CREATE TABLE sandbox.other (id integer)', 'sandbox.other'],
      // What `hasura migrate apply` would have made.
      ['CREATE TABLE "user" (id serial PRIMARY KEY, email text)', 'public."user"']
    ]
    for (const [sql, names] of table) {
      const url = await createDatabase(t)
      const client = await connect(t, url)
      await client.query(sql)
      const tables = 'SELECT schemaname, relname FROM pg_stat_user_tables ORDER BY 1, 2'
      const before = (await client.query(tables)).rows
      const { searchParams, pathname } = new URL(url)
      await t.rejects(open(url), {
        constructor: Error,
        message: `${String(searchParams.get('host'))}:5432${pathname} has tables that are not the sandbox's (${names}): `
          + 'create an empty database and name it in SANDBOX_DATABASE_URL'
      }, names)
      t.strictSame((await client.query(tables)).rows, before)
    }
  })

  t.test('a database that the sandbox created is opened again, even after tables were added', async (t) => {
    const url = await createDatabase(t)
    // Objects that are not tables, and tables of an extension, are nobody's data.
    const client = await connect(t, url)
    await client.query('CREATE EXTENSION pg_stat_statements; CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS \'SELECT 1\'')
    const lines: string[] = []
    const log = (line: string): void => { lines.push(line) }
    await (await open(url, log)).close()
    await client.query('CREATE TABLE mine (id integer); INSERT INTO "user" (email, password) VALUES (\'a@test.com\', \'x\')')
    const db = await open(url, log)
    t.teardown(db.close)
    t.strictSame((await db.query('SELECT email FROM "user" ORDER BY id')).rows,
      [{ email: 'admin@site.com' }, { email: 'a@test.com' }])
    t.strictSame(lines, [
      'Applying migration 1700000000000_init', 'Applying migration 1700000100000_sessions',
      'Applying seed 1700000000000_administrator.sql'
    ])
  })

  t.test('a database user without the privilege to create tables is reported in one line', async (t) => {
    const url = await createDatabase(t)
    const client = await connect(t, url)
    const name = new URL(url).pathname.slice(1)
    await client.query(`CREATE ROLE ${name}_reader LOGIN PASSWORD 'secret'`)
    t.teardown(() => client.query(`DROP ROLE ${name}_reader`))
    await t.rejects(open(Object.assign(new URL(url), { username: `${name}_reader`, password: 'secret' }).href),
      { constructor: Error, message: `SANDBOX_DATABASE_URL: permission denied for database ${name}` })
  })

  t.test('sandboxes that start at once migrate one after the other', async (t) => {
    const url = await createDatabase(t)
    const lines: string[] = []
    const opened = await Promise.all(Array.from({ length: 4 }, async () => open(url, (line) => { lines.push(line) })))
    for (const db of opened) t.teardown(db.close)
    const applied = lines.filter(line => line.startsWith('Applying'))
    t.strictSame(applied, [
      'Applying migration 1700000000000_init', 'Applying migration 1700000100000_sessions',
      'Applying seed 1700000000000_administrator.sql'
    ])

    // While another one migrates, the start says so and waits.
    const other = await connect(t, url)
    await other.query('SELECT pg_advisory_lock(hashtext(\'hasura-jwt-auth sandbox\'))')
    let hasWaited: (() => void) | undefined
    const waits = new Promise<void>((resolve) => { hasWaited = resolve })
    const waiting = open(url, (line) => {
      t.equal(line, 'Another sandbox is migrating this database: waiting for it')
      hasWaited?.()
    })
    await waits
    await other.query('SELECT pg_advisory_unlock_all()')
    await (await waiting).close()
  })

  t.test('settings of the server or the database do not change the values', async (t) => {
    const url = await createDatabase(t)
    const client = await connect(t, url)
    const name = new URL(url).pathname.slice(1)
    for (const setting of ['TimeZone = \'Asia/Kolkata\'', 'DateStyle = \'German\'', 'IntervalStyle = \'iso_8601\'',
      'bytea_output = \'escape\'', 'extra_float_digits = -3', 'default_transaction_isolation = \'serializable\'']) {
      await client.query(`ALTER DATABASE ${name} SET ${setting}`)
    }
    const db = await open(url)
    t.teardown(db.close)
    const { rows } = await db.query(`SELECT to_jsonb('2024-02-29T12:00Z'::timestamptz) AS time, '2024-02-29'::date::text AS date,
      to_jsonb('90 minutes'::interval) AS interval, to_jsonb('\\x00ff'::bytea) AS bytea, (0.1::float8 + 0.2)::text AS float,
      current_setting('transaction_isolation') AS isolation`)
    t.strictSame(rows, [{
      time: '2024-02-29T12:00:00+00:00', date: '2024-02-29', interval: '01:30:00', bytea: '\\x00ff',
      float: '0.30000000000000004', isolation: 'read committed'
    }])
  })

  t.test('a connection that breaks is replaced', async (t) => {
    const url = await createDatabase(t)
    const client = await connect(t, url)
    const db = await open(url)
    t.teardown(db.close)
    const end = async (): Promise<unknown> => client.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`)
    await db.query('SELECT 1')
    await end()
    // The pool may not have seen it yet, and give the broken connection out once more.
    await db.query('SELECT 1').catch((error: unknown) => { t.match(error, { message: /terminat/ }) })
    t.strictSame((await db.query('SELECT 1 AS one')).rows, [{ one: 1 }])

    await t.rejects(db.transaction(async (connection) => {
      await connection.query('CREATE TABLE half ()')
      await end()
      await connection.query('SELECT 1')
    }), { message: /terminat|connection error/ })
    t.strictSame((await db.query('SELECT to_regclass(\'half\') AS half')).rows, [{ half: null }])
  })
})

t.test('while the database is unavailable, a request fails as with Hasura', { skip: noServer }, async (t) => {
  const { as, settings } = await sandbox(t, { database: 'server' })
  const name = new URL(String(settings['SANDBOX_DATABASE_URL'])).pathname.slice(1)
  const connections = async (allowed: boolean): Promise<void> => (
    onServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${String(allowed)}`)
  )
  const read = async () => as('admin', '{ user { email } }')
  const write = async () => as('admin', 'mutation { insert_role_one(object: { name: "new" }) { name } }')
  const signup = async () => as('admin', 'mutation { Signup(email: "new@test.com", password: "a-password") { email } }')
  t.match(await read(), { data: { user: [{ email: 'admin@site.com' }] } })

  await connections(false)
  await onServer(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '${name}'`)
  const internal = `database "${name}" is not currently accepting connections`
  const away = {
    errors: [{ message: 'connection error', extensions: { path: '$', code: 'postgres-error', internal } }]
  }
  // The first may still get the connection that has just been closed.
  await read()
  t.strictSame(await read(), away)
  t.strictSame(await write(), away)
  t.match(await signup(), { errors: [{ extensions: { path: '$', code: 'unexpected' } }] })

  await connections(true)
  t.match(await read(), { data: { user: [{ email: 'admin@site.com' }] } })
  t.match(await write(), { data: { insert_role_one: { name: 'new' } } })
  t.match(await signup(), { data: { Signup: { email: 'new@test.com' } } })
})

t.test('concurrent requests use separate connections', { skip: noServer }, async (t) => {
  const { as, sql, connect, blocked } = await sandboxOnServer(t)
  await sql.query('INSERT INTO "user" (id, email, password) SELECT n, n || \'@test.com\', \'x\' FROM generate_series(101, 130) n')
  const other = await connect()
  await other.query('BEGIN; SELECT FROM "user" WHERE id > 100 FOR UPDATE')
  const updates = Array.from({ length: 30 }, async (_, index) => (
    as('admin', `mutation { update_user_by_pk(pk_columns: { id: ${101 + index} }, _set: { password: "y" }) { id } }`)
  ))
  await blocked(30)
  // Readers wait for nobody.
  t.strictSame(await as('admin', '{ user(where: { password: { _eq: "y" } }) { id } }'), { data: { user: [] } })
  await other.query('COMMIT')
  t.strictSame(await Promise.all(updates),
    Array.from({ length: 30 }, (_, index) => ({ data: { update_user_by_pk: { id: 101 + index } } })))
})

t.test('an update that waited for a row evaluates its condition again', { skip: noServer }, async (t) => {
  const { as, sql, connect, blocked } = await sandboxOnServer(t)
  await sql.query('INSERT INTO "user" (id, email, password) VALUES (101, \'a@test.com\', \'x\')')
  const other = await connect()
  await other.query('BEGIN; UPDATE "user" SET password = \'changed\' WHERE id = 101')
  const renewal = as('admin', `mutation {
    insert_user_one(object: { email: "a@test.com", password: "y" }, on_conflict: {
      constraint: user_email_key, update_columns: [password], where: { password: { _eq: "x" } }
    }) { id }
  }`)
  await blocked(1)
  await other.query('COMMIT')
  t.strictSame(await renewal, { data: { insert_user_one: null } })
  t.strictSame((await sql.query('SELECT password FROM "user" WHERE id = 101')).rows, [{ password: 'changed' }])
})
