import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { scryptSync } from 'node:crypto'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { PGlite } from '@electric-sql/pglite'
import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import t from 'tap'
import type { Test } from 'tap'
import { planImport } from '../../src/cli/import-users/plan-import.ts'
import { normalizeEmail } from '../../src/email.ts'
import { dataFolder, temporaryFolder } from '../support/folders.ts'
import { compiled, start } from '../support/process.ts'
import { sandbox } from '../support/sandbox.ts'
import { service } from '../support/service.ts'
import { skipSlow } from '../support/slow.ts'

const password = 'a-password'
const today = await argon2(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })

function fileOf (t: Test, content: string | Buffer): string {
  const path = join(temporaryFolder(t), 'users.csv')
  writeFileSync(path, content)
  return path
}

const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`
const csv = (...rows: string[][]): string => rows.map(row => `${row.map(cell).join(',')}\n`).join('')

// One database for all tests, because opening one takes seconds. The last test logs in to it.
const folder = dataFolder(t)
const db = await PGlite.create(join(folder, 'postgres'))
const logins: Array<[email: string, password: string, status: number]> = []

/** What Spring's SCryptPasswordEncoder and Django's ScryptPasswordHasher store. */
function springScrypt (): string {
  const salt = Buffer.alloc(64, 'salt')
  const key = scryptSync(password, salt, 32, { N: 2 ** 14, r: 8, p: 1 })
  return `$${(14 << 16 | 8 << 8 | 1).toString(16)}$${salt.toString('base64')}$${key.toString('base64')}`
}

function djangoScrypt (): string {
  const key = scryptSync(password, 'AZaz09AZaz09AZaz09AZaz', 64, { N: 2 ** 14, r: 8, p: 5, maxmem: 2 ** 26 })
  return `scrypt$16384$AZaz09AZaz09AZaz09AZaz$8$5$${key.toString('base64')}`
}

t.test('users of other systems are imported with their hashes and roles', async (t) => {
  await db.exec(`INSERT INTO role VALUES ('editor'), ('o''brien'), ('a\\b')`)
  const bcryptHash = await bcrypt(password, 4)
  const hashes: Record<string, string> = {
    'argon2@x.test': today,
    'Laravel@x.test': bcryptHash.replace('$2b$', '$2y$'),
    'devise@x.test': bcryptHash.replace('$2b$', '$2a$'),
    'spring@x.test': `{bcrypt}${bcryptHash}`,
    'spring-argon2@x.test': `{argon2@SpringSecurity_v5_8}${today}`,
    'spring-scrypt@x.test': `{scrypt@SpringSecurity_v5_8}${springScrypt()}`,
    'spring-scrypt-alone@x.test': springScrypt(),
    'django-argon2@x.test': `argon2${today}`,
    'django-bcrypt@x.test': `bcrypt$${bcryptHash}`,
    'django-scrypt@x.test': djangoScrypt(),
    'O\'Brien@bücher.test': ` ${today}\n`
  }
  const rows = Object.entries(hashes).map(([email, hash]) => [email, hash, '', ''])
  rows.push(['boss@x.test', today, 'o\'brien', 'editor, a\\b,editor,'], ['editor@x.test', today, 'editor', ''])
  const { sql, problems, users } = await planImport(fileOf(t, csv(['Email', ' password ', 'default_role', 'ROLES'], ...rows)), false)
  t.strictSame([problems, users], [[], 13])
  await db.exec(sql.join('\n'))
  const { rows: stored } = await db.query<{ email: string, default_role: string, roles: string[] | null }>(`
    SELECT email, default_role, (SELECT array_agg(role ORDER BY role) FROM user_role WHERE user_id = u.id) AS roles
    FROM "user" u WHERE email IN ('boss@x.test', 'editor@x.test', 'laravel@x.test') ORDER BY email`)
  t.strictSame(stored.map(({ email, default_role: role, roles }) => [email, role, roles]), [
    ['boss@x.test', 'o\'brien', ['a\\b', 'editor']], ['editor@x.test', 'editor', null], ['laravel@x.test', 'user', null]
  ])
  for (const [email = ''] of rows) logins.push([email, password, 200], [email, 'another-password', 401])
  logins.push(['o\'brien@XN--BCHER-KVA.test', password, 200])
})

t.test('in every case mapping of Unicode, a user is stored under the email that the service looks for', { skip: skipSlow }, async (t) => {
  const emails = [
    '\u0391\u03a3@final.test', '\u0391\u03a3.\u0392@medial.test', 'I\u0307@dot.test', 'T\u0308@composed.test', '\tTab@trimmed.test\t',
    '\u00a0Space@trimmed.test\u00a0', '\u3000Wide@trimmed.test\ufeff', 'U@B\u00dcCHER.test', 'e\u0301@nfd.test'
  ]
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code)
    const forms = [character.toLowerCase(), character.toUpperCase(), character.normalize('NFC'), character.normalize('NFD')]
    // The service refuses lone surrogates and spaces, and the Greek question mark, which NFC replaces by a semicolon.
    if (!character.isWellFormed() || /[\s\u037e]/.test(character) || forms.every(form => form === character)) continue
    emails.push(`${emails.length}${character}@unicode.test`)
  }
  t.ok(emails.length > 10_000, `${emails.length} emails`)
  const { sql, problems } = await planImport(fileOf(t, csv(['email', 'password'], ...emails.map(email => [email, today]))), false)
  t.strictSame(problems, [])
  const { rows: [before] } = await db.query<{ id: number }>('SELECT max(id) AS id FROM "user"')
  await db.exec(sql.join('\n'))
  const { rows } = await db.query<{ email: string }>(`SELECT email FROM "user" WHERE id > ${before?.id ?? 0} ORDER BY id`)
  t.strictSame(rows.map(({ email }) => email), emails.map(normalizeEmail))

  // Those for which lower case alone is not enough or changes the length, and some of the others.
  const isSpecial = (email: string): boolean => (
    normalizeEmail(email) !== email.toLowerCase() || email.toUpperCase().length !== email.length
  )
  const tried = emails.filter((email, index) => index % 500 === 0 || (isSpecial(email) && email.normalize('NFC') === email))
  t.ok(tried.length > 100, `${tried.length} logins`)
  for (const email of tried) logins.push([email, password, 200], [email.toLowerCase(), password, 200])
})

t.test('rows that cannot be imported are left out, and reported with their lines', async (t) => {
  const other = 'pbkdf2_sha256$870000$salt$hash'
  const path = fileOf(t, [
    'email,password,default_role,roles',
    `one@x.test,${cell(today)},,`,
    `\u0130smail@x.test,${cell(today)},,`,
    '',
    `i\u0307smail@X.test,${cell(today)},,`,
    `"several\nlines@x.test",${cell(today)},,`,
    `bad@x..test,${cell(today)},,`,
    `${'x'.repeat(300)}@x.test,${cell(today)},,`,
    `pbkdf2@x.test,${other},,`,
    `wordpress@x.test,$wp$2y$10$${'a'.repeat(53)},,`,
    'without@x.test,,,',
    `same@x.test,${other},,`,
    `SAME@x.test,${cell(today)},,`,
    `control@x.test,${cell(today)},"a\u0000b",`,
    `control2@x.test,${cell(today)},,"a\u001bb"`,
    `two@x.test,${cell(today)},,`
  ].join('\r\n'))
  const { sql, problems, users } = await planImport(path, false)
  t.strictSame(problems, [
    'lines 3, 5: the same email after normalisation, i\u0307smail@x.test',
    'line 7: the email must be an email address',
    'line 8: the email must be an email address',
    'line 9: the email must have at most 254 characters',
    'line 10: this service cannot read the password hash',
    'line 11: this service cannot read the password hash',
    'line 12: this service cannot read the password hash',
    'line 13: this service cannot read the password hash',
    'lines 13, 14: the same email after normalisation, same@x.test',
    'line 15: a role has a control character in it',
    'line 16: a role has a control character in it'
  ])
  t.equal(users, 2)
  const insert = (email: string): string => (
    `INSERT INTO public."user" (email, password, default_role) VALUES ('${email}', '${today}', DEFAULT);`
  )
  t.strictSame(sql.filter(line => line.startsWith('INSERT')), [insert('one@x.test'), insert('two@x.test')])
})

t.test('an email that is in the table already rolls everything back, also after lines that npm has printed', async (t) => {
  const emails = ['first@rollback.test', 'admin@site.com', 'last@rollback.test']
  const { sql } = await planImport(fileOf(t, csv(['email', 'password'], ...emails.map(email => [email, today]))), false)
  t.equal(sql[0], ';')
  // As psql does, statement by statement.
  const errors: string[] = []
  for (const statement of ['> hasura-jwt-auth@0.1.0 import-users\n> tsc -b --noCheck && node import-users.js', ...sql]) {
    await db.exec(statement).catch((error: unknown) => { errors.push((error as Error).message) })
  }
  t.match(errors.slice(0, 2), [/^syntax error/, 'duplicate key value violates unique constraint "user_email_key"'])
  t.strictSame((await db.query('SELECT email FROM "user" WHERE email LIKE \'%@rollback.test\'')).rows, [])
})

t.test('an unusable file is refused without quoting its content', async (t) => {
  const columns = ': the first line must name the columns email, password, and optionally default_role, roles, separated by commas'
  const table: Array<[string | Buffer, string]> = [
    ['', `The column email is missing${columns}`],
    ['email;password\na@b;secret\n', `The column email is missing${columns}`],
    ['email\na@b\n', `The column password is missing${columns}`],
    ['email,password,role\n', `There is an unknown column${columns}`],
    ['email,password,\n', `There is an unknown column${columns}`],
    ['email,Email,password\n', `A column is there twice${columns}`],
    ['email,password\na@b,secret,x\n', 'Line 2 is not valid CSV, or has more or fewer columns than the first line'],
    ['email,password\na@b,c\nsecret\n', 'Line 3 is not valid CSV, or has more or fewer columns than the first line'],
    ['email,password\na@b,sec"ret\n', 'Line 2 is not valid CSV, or has more or fewer columns than the first line'],
    ['email,password\na@b,"sec"ret\n', 'Line 2 is not valid CSV, or has more or fewer columns than the first line'],
    ['email,password\na@b,"secret\n', 'Line 2 is not valid CSV, or has more or fewer columns than the first line'],
    [Buffer.from('email,password\nJos\u00e9@b.test,secret\n', 'latin1'), 'The file is not UTF-8: export it again, or convert it with iconv'],
    [Buffer.from('\ufeffemail,password\n', 'utf16le'), 'The file is not UTF-8: export it again, or convert it with iconv']
  ]
  for (const [content, message] of table) await t.rejects(planImport(fileOf(t, content), false), { message }, message)
  await t.rejects(planImport('/nowhere/users.csv', false), { message: /^Cannot read the file: ENOENT/ })
  for (const content of ['\ufeffemail,password\n', 'password,email', 'email,password\r\n\r\n']) {
    t.match(await planImport(fileOf(t, content), false), { users: 0, problems: [] })
  }
})

t.test('--stored changes the stored emails that no login finds, and no others', async (t) => {
  const stored = ['u@büch.test', 't\u0308@stored.test', 'o\'brien@ü.test', 'fine@stored.test', 'a\u200bb@stored.test', 'two@ö.test', 'two@xn--nda.test']
  const ids: number[] = []
  for (const email of stored) {
    const { rows: [row] } = await db.query<{ id: number }>('INSERT INTO "user" (email, password) VALUES ($1, $2) RETURNING id', [email, today])
    ids.push(row?.id ?? 0)
  }
  const { sql, problems, users } = await planImport(fileOf(t, csv(['email'], ...stored.map(email => [email]))), true)
  t.strictSame(problems, ['line 6: the email must be an email address', 'lines 7, 8: the same email after normalisation, two@xn--nda.test'])
  t.equal(users, 3)
  await db.exec(sql.join('\n'))
  const { rows } = await db.query<{ email: string }>(`SELECT email FROM "user" WHERE id IN (${ids.join(', ')}) ORDER BY id`)
  t.strictSame(rows.map(({ email }) => email), [
    'u@xn--bch-hoa.test', '\u1e97@stored.test', 'o\'brien@xn--tda.test', 'fine@stored.test', 'a\u200bb@stored.test', 'two@ö.test', 'two@xn--nda.test'
  ])
  for (const email of stored.slice(0, 4)) logins.push([email, password, 200])
})

t.test('the SQL of the documentation exports hashes that the service reads', async (t) => {
  const blocks = readFileSync('docs/importing-users.md', 'utf8').matchAll(/^### (.+)\n[^]*?^```sql\n([^]*?)^```$/gm)
  const queries = Object.fromEntries(Array.from(blocks, ([, system = '', sql = '']) => [system, sql]))
  t.strictSame(Object.keys(queries), ['Better Auth', 'Keycloak'])

  const salt = '0123456789abcdef0123456789abcdef'
  const key = scryptSync(password, salt, 64, { N: 16_384, r: 16, p: 1, maxmem: 2 ** 26 }).toString('hex')
  await db.exec(`CREATE SCHEMA better_auth; SET search_path = better_auth;
    CREATE TABLE "user" (id text, email text); CREATE TABLE account ("userId" text, "providerId" text, password text);
    INSERT INTO "user" VALUES ('1', 'better-auth@x.test'), ('2', 'social@x.test');
    INSERT INTO account VALUES ('1', 'credential', '${salt}:${key}'), ('1', 'github', NULL), ('2', 'github', NULL)`)
  const { rows: fromBetterAuth } = await db.query<{ email: string, password: string }>(queries['Better Auth'] ?? '')

  const [, , , parameters = '', argon2Salt = '', argon2Key = ''] = today.split('$')
  t.equal(parameters, 'm=8,t=1,p=1')
  const data = (algorithm: string): string => JSON.stringify({
    hashIterations: 1,
    algorithm,
    additionalParameters: { hashLength: ['32'], memory: ['8'], type: ['id'], version: ['1.3'], parallelism: ['1'] }
  })
  const secret = JSON.stringify({ value: `${argon2Key}=`, salt: `${argon2Salt}==`, additionalParameters: {} })
  await db.exec(`CREATE SCHEMA keycloak; SET search_path = keycloak;
    CREATE TABLE user_entity (id text, email text, realm_id text);
    CREATE TABLE credential (user_id text, type text, credential_data text, secret_data text);
    INSERT INTO user_entity VALUES ('1', 'keycloak@x.test', 'r'), ('2', 'pbkdf2@x.test', 'r'), ('3', NULL, 'r');
    INSERT INTO credential VALUES ('1', 'password', '${data('argon2')}', '${secret}'), ('1', 'otp', '{}', '{}'),
      ('2', 'password', '${data('pbkdf2-sha512')}', '${secret}'), ('3', 'password', '${data('argon2')}', '${secret}')`)
  const { rows: fromKeycloak } = await db.query<{ email: string, password: string }>(queries['Keycloak'] ?? '')

  const rows = [...fromBetterAuth, ...fromKeycloak].map(({ email, password: hash }) => [email, hash])
  t.strictSame(rows.map(([email]) => email), ['better-auth@x.test', 'keycloak@x.test'])
  const { sql, problems } = await planImport(fileOf(t, csv(['email', 'password'], ...rows)), false)
  t.strictSame(problems, [])
  await db.exec(`RESET search_path; ${sql.join('\n')}`)
  for (const [email = ''] of rows) logins.push([email, password, 200], [email, 'another-password', 401])
})

t.test('the command writes SQL to standard output and the rest to standard error, with an exit status', async (t) => {
  const run = async (...args: string[]) => {
    const { child, stderr } = start(t, {}, undefined, [compiled('src/cli/import-users/main.ts'), ...args])
    const closed = once(child, 'close')
    const output = await text(child.stdout)
    const [status] = await closed as [number]
    return { output, errors: (await stderr).trimEnd(), status }
  }
  const good = fileOf(t, csv(['email', 'password'], ['a@b.test', today]))
  const bad = fileOf(t, csv(['email', 'password'], ['a@b.test', today], ['c@b.test', 'not-a-hash']))
  const emails = fileOf(t, csv(['email'], ['u@ü.test']))
  const sql = (...statements: string[]): string => [
    ';', 'BEGIN;', 'SET LOCAL client_encoding = \'UTF8\';', 'SET LOCAL standard_conforming_strings = on;', ...statements, 'COMMIT;', ''
  ].join('\n')
  const insert = `INSERT INTO public."user" (email, password, default_role) VALUES ('a@b.test', '${today}', DEFAULT);`
  t.strictSame(await run(good), { output: sql(insert), errors: '1 users written, 0 problems', status: 0 })
  t.strictSame(await run(bad), {
    output: sql(insert), errors: 'line 3: this service cannot read the password hash\n1 users written, 1 problems', status: 1
  })
  t.strictSame(await run('--stored', emails), {
    output: sql('UPDATE public."user" SET email = \'u@xn--tda.test\' WHERE email = \'u@ü.test\';'), errors: '1 users written, 0 problems', status: 0
  })
  t.match(await run('--help'), { output: /^Reads users from a CSV file/, errors: '', status: 0 })
  for (const args of [[], [good, bad], ['--unknown', good], ['/nowhere']]) {
    const { output, errors, status } = await run(...args)
    t.strictSame([output, status], ['', 2])
    t.match(errors, /^(Name one CSV file|Unknown option|Cannot read the file)/)
  }
})

t.test('the imported users log in', async (t) => {
  await db.close()
  const { hasuraUrl } = await sandbox(t, { env: { SANDBOX_DATA_DIR: folder } })
  const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: hasuraUrl })
  t.ok(logins.length > (skipSlow === false ? 200 : 20), `${logins.length} logins`)
  for (const [email, sent, status] of logins) {
    t.equal((await call('/login', { email, password: sent })).status, status, encodeURI(email))
  }
})
