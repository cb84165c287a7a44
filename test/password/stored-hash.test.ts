import { scryptSync } from 'node:crypto'
import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import t from 'tap'
import { readStoredHash } from '../../src/password/stored-hash.ts'
import { startThreadPool } from '../../src/password/threads.ts'
import { failure, hasuraOf, service } from '../support/service.ts'
import { skipSlow } from '../support/slow.ts'

const threads = await startThreadPool((error) => { throw error })
t.teardown(threads.close)

const unpadded = (base64: string): string => base64.replaceAll('=', '')

function scrypt (password: string, { ln = 4, r = 8, p = 1, salt = 'a salt of 18 bytes', length = 32 } = {}): string {
  const hash = scryptSync(password, salt, length, { N: 2 ** ln, r, p, maxmem: 2 ** 29 })
  return `$scrypt$ln=${ln},r=${r},p=${p}$${Buffer.from(salt).toString('base64')}$${hash.toString('base64')}`
}

const password = 'the right password'
const bcryptHash = await bcrypt(password, 4)
const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const argon2Hash = await argon2(password, cheap)

/** The library's enum of them cannot be imported under `verbatimModuleSyntax`. */
const variant = (algorithm: number): object => ({ ...cheap, algorithm })

const readable: Record<string, string> = {
  'Argon2d': await argon2(password, variant(0)),
  'Argon2i': await argon2(password, variant(1)),
  'Argon2id of other parameters': await argon2(password, { ...cheap, timeCost: 2 }),
  'Argon2id with its parameters in another order': argon2Hash.replace('m=8,t=1,p=1', 'p=1,t=1,m=8'),
  'Argon2id with padding': (await argon2(password, { ...cheap, timeCost: 2 })).replace(/\$([^$]+)\$([^$]+)$/, '$$$1==$$$2='),
  'Argon2id of 64 lanes': await argon2(password, { memoryCost: 512, timeCost: 1, parallelism: 64 }),
  'bcrypt $2a$': bcryptHash.replace('$2b$', '$2a$'),
  'bcrypt $2b$': bcryptHash.replace(/^\$2.\$/, '$2b$'),
  'bcrypt $2y$': bcryptHash.replace('$2b$', '$2y$'),
  'scrypt with padding': scrypt(password, { salt: '12345678' }),
  'scrypt without padding': scrypt(password).replaceAll(/=+(?=\$|$)/g, ''),
  'scrypt of 64 bytes': scrypt(password, { salt: 's'.repeat(64), length: 64 })
}

t.test('a hash of another system verifies, and a login with the right password replaces it', async (t) => {
  for (const [title, stored] of Object.entries(readable)) {
    const { url, asked } = await hasuraOf(t, {
      UserByEmail: { data: { user: [{ id: 7, password: stored, default_role: 'user', disabled_at: null, roles: [] }] } },
      UpdatePassword: { data: { update_user: { affected_rows: 1 } } }
    })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    for (const wrong of ['the right', 'the right passwor', 'The right password', `${password} `, `${password}\0${password}`]) {
      t.strictSame((await call('/login', { email: 'a@b.test', password: wrong })).body,
        failure('invalid-credentials', 'Invalid credentials'), title)
    }
    t.ok(asked.every(({ operation }) => operation === 'UserByEmail'))
    t.equal((await call('/login', { email: 'a@b.test', password })).status, 200, title)
    t.match(asked.at(-1), {
      operation: 'UpdatePassword',
      variables: { id: 7, verified_hash: stored, new_hash: /^\$argon2id\$v=19\$m=8,t=1,p=1\$/ }
    })
  }
})

t.test('hashes of other implementations verify', async (t) => {
  const table: Array<[string, string, string]> = [
    // phc-winner-argon2, src/test.c: version 1.0, once without `v=` as that version writes it.
    ['Argon2i 1.0', 'password', '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ'],
    ['Argon2i 1.0, v=16', 'password', '$argon2i$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ'],
    ['Argon2i 1.3', 'password', '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'],
    // RFC 7914, section 12.
    ['scrypt', 'pleaseletmein', `$scrypt$ln=14,r=8,p=1$${unpadded(Buffer.from('SodiumChloride').toString('base64'))}$${unpadded(
      Buffer.from('7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887', 'hex').toString('base64')
    )}`],
    // crypt_blowfish, wrapper.c, and libxcrypt.
    ['bcrypt $2a$', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['bcrypt $2y$', 'rasmuslerdorf', '$2y$07$BCryptRequires22Chrcte/VlQH0piJtjXl.0t1XkA8pw9dMXTpOq']
  ]
  for (const [title, plain, stored] of table) {
    t.equal(await readStoredHash(stored)?.(plain, threads), true, title)
    t.equal(await readStoredHash(stored)?.(`${plain}x`, threads), false, title)
  }
  const wrongVersion = '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ'
  t.equal(await readStoredHash(wrongVersion)?.('password', threads), false, 'the versions differ')
})

t.test('a hash of another system may be made from the password as it was sent, in NFD', async (t) => {
  const sent = 'cafe\u0301-password'
  const of = async (stored: string): Promise<number> => {
    const { url } = await hasuraOf(t, {
      UserByEmail: { data: { user: [{ id: 7, password: stored, default_role: 'user', disabled_at: null, roles: [] }] } },
      UpdatePassword: { data: { update_user: { affected_rows: 1 } } }
    })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    return (await call('/login', { email: 'a@b.test', password: sent })).status
  }
  t.equal(await of(scrypt(sent)), 200)
  t.equal(await of(scrypt(sent.normalize('NFC'))), 200)
  t.equal(await of(scrypt('cafe-password')), 401)
})

t.test('bcrypt never matches a password of more than 72 bytes, because it ignores the rest', async (t) => {
  for (const [hashed, plain, matches] of [
    ['x'.repeat(72), 'x'.repeat(72), true], ['x'.repeat(73), 'x'.repeat(73), false], ['é'.repeat(36), 'é'.repeat(36), true],
    ['é'.repeat(36), 'é'.repeat(37), false]
  ] as const) t.equal(await readStoredHash(await bcrypt(hashed, 4))?.(plain, threads), matches, `${plain.length} ${plain[0] ?? ''}`)
})

t.test('a hash is run if its memory and work together are affordable', async (t) => {
  const salt = 'c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'
  const table: Record<string, boolean> = {
    // Django and OWASP; Better Auth; Go's documentation; the most work that is run; much r or p, little N.
    'ln=14,r=8,p=5': true, 'ln=14,r=16,p=1': true, 'ln=15,r=8,p=1': true, 'ln=17,r=8,p=4': true, 'ln=16,r=8,p=8': true,
    'ln=4,r=9,p=7': true, 'ln=1,r=1,p=262144': true, 'ln=10,r=2046,p=1': true,
    'ln=17,r=8,p=5': false, 'ln=18,r=8,p=1': false, 'ln=18,r=7,p=3': false, 'ln=16,r=8,p=9': false, 'ln=1,r=1,p=262145': false,
    'ln=1,r=262145,p=1': false, 'ln=10,r=2048,p=1': false, 'ln=10,r=2046,p=3': false, 'ln=31,r=1,p=1': false, 'ln=99,r=9999999,p=9999999': false
  }
  for (const [parameters, isRun] of Object.entries(table)) {
    t.equal(readStoredHash(`$scrypt$${parameters}$${salt}`) !== undefined, isRun, parameters)
  }
  const argon2Table: Record<string, boolean> = {
    // OWASP, argon2-cffi, libsodium's moderate, Keycloak; then the bounds.
    'm=19456,t=2,p=1': true, 'm=102400,t=2,p=8': true, 'm=262144,t=3,p=1': true, 'm=7168,t=5,p=1': true,
    'm=262144,t=4,p=1': true, 'm=8,t=131072,p=1': true, 'm=4096,t=1,p=512': true,
    'm=262145,t=1,p=1': false, 'm=262144,t=5,p=1': false, 'm=8,t=131073,p=1': false, 'm=999999999,t=999999999,p=1': false
  }
  for (const [parameters, isRun] of Object.entries(argon2Table)) {
    t.equal(readStoredHash(`$argon2id$v=19$${parameters}$${salt}`) !== undefined, isRun, parameters)
  }
  t.equal(await readStoredHash(scrypt(password, { ln: 14, r: 8, p: 5 }))?.(password, threads), true)
})

t.test('the hash with the most work that is affordable verifies', { skip: skipSlow }, async (t) => {
  t.equal(await readStoredHash(scrypt(password, { ln: 17, r: 8, p: 4 }))?.(password, threads), true)
})

t.test('a malformed hash and one of another algorithm are not run', async (t) => {
  const b = bcryptHash.slice(7)
  const s = scrypt(password).slice('$scrypt$ln=4,r=8,p=1'.length)
  const salt = 'c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'
  const table = [
    '', 'plain text', '{SSHA}x', '$pbkdf2-sha256$29000$x$y', 'pbkdf2_sha256$870000$salt$hash', '$P$BDkXHRVyCVCEkSSvJiRE.j2PyqDvzm/',
    `$wp${bcryptHash.replace('$2b$', '$2y$')}`, `{bcrypt}${bcryptHash}`, `bcrypt$${bcryptHash}`, 'scrypt$salt$16384$8$5$hash',
    `$2b$03$${b}`, `$2b$15$${b}`, `$2b$31$${b}`, `$2x$04$${b}`, `$2$04$${b}`, `$2b$4$${b}`, `$2b$04$${b}x`, `$2b$04$${b}\n`, '$2b$04$',
    `$scrypt$ln=0,r=8,p=1${s}`, `$scrypt$ln=4,r=0,p=1${s}`, `$scrypt$ln=4,r=8,p=0${s}`, `$scrypt$ln=4,r=8${s}`, `$scrypt$ln=-4,r=8,p=1${s}`,
    `$scrypt$ln=04,r=8,p=1${s}`, '$scrypt$ln=4,r=8,p=1$$', `$scrypt$ln=4,r=8,p=1$short${s}`, `$scrypt$ln=4,r=8,p=1${s}===`,
    scrypt(password, { salt: 's'.repeat(66) }), scrypt(password, { length: 66 }), scrypt(password, { length: 11 }),
    `$argon2x$v=19$m=8,t=1,p=1$${salt}`, `$argon2id$v=18$m=8,t=1,p=1$${salt}`, `$argon2id$v=99$m=8,t=1,p=1$${salt}`,
    `$argon2id$v=19$m=8,m=8,p=1$${salt}`, `$argon2id$v=19$m=8,t=1$${salt}`, `$argon2id$v=19$m=8,t=1,t=1$${salt}`,
    `$argon2id$v=19$m=8,t=1,p=1,q=1$${salt}`, `$argon2id$v=19$,m=8,t=1,p=1$${salt}`, `$argon2id$v=19$m=8,t=1,p=-1$${salt}`,
    '$argon2id$v=19$m=8,t=1,p=1$x$y', '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$c2hvcnQ'
  ]
  for (const stored of table) t.equal(readStoredHash(stored), undefined, stored.slice(0, 100))
})
