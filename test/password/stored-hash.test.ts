import { scryptSync } from 'node:crypto'
import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import t from 'tap'
import { readStoredHash } from '../../src/password/stored-hash.ts'
import { failure, hasuraOf, service } from '../support/service.ts'

const base64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')

function scrypt (password: string, { ln = 4, r = 8, p = 1 } = {}): string {
  const salt = Buffer.from('a salt of sixteen')
  const hash = scryptSync(password, salt, 32, { N: 2 ** ln, r, p, maxmem: 2 ** 29 })
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`
}

const password = 'the right password'
const bcryptHash = await bcrypt(password, 4)
const spelled = (version: string): string => bcryptHash.replace(/^\$2.\$/, `$${version}$`)
const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 }

/** The library's enum of them cannot be imported under `verbatimModuleSyntax`. */
const variant = (algorithm: number): object => ({ ...cheap, algorithm })

const readable: Record<string, string> = {
  'Argon2d': await argon2(password, variant(0)),
  'Argon2i': await argon2(password, variant(1)),
  'Argon2id of other parameters': await argon2(password, { ...cheap, timeCost: 2 }),
  'Argon2id with its parameters in another order':
    (await argon2(password, cheap)).replace('m=8,t=1,p=1', 'p=1,t=1,m=8'),
  'Argon2id of argon2-cffi in the Flask tutorial': await argon2(password, { memoryCost: 102_400, timeCost: 2, parallelism: 8 }),
  'bcrypt $2a$': spelled('2a'),
  'bcrypt $2b$': spelled('2b'),
  'bcrypt $2y$': spelled('2y'),
  'scrypt': scrypt(password)
}

t.test('a hash of another system verifies, and is replaced by today\'s at a good login and not at a bad one', async (t) => {
  for (const [title, stored] of Object.entries(readable)) {
    const { url, asked } = await hasuraOf(t, {
      UserByEmail: { data: { user: [{ id: 7, password: stored, default_role: 'user', roles: [] }] } },
      UpdatePassword: { data: { update_user_by_pk: { id: 7 } } }
    })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    for (const wrong of ['the right', 'the right passwor', 'The right password', `${password} `, `${password}\0${password}`]) {
      t.strictSame((await call('/login', { email: 'a@b.test', password: wrong })).body,
        failure('invalid-credentials', 'Invalid credentials'), title)
    }
    t.ok(asked.every(({ operation }) => operation === 'UserByEmail'))
    t.equal((await call('/login', { email: 'a@b.test', password })).status, 200, title)
    t.match(asked.at(-1), { operation: 'UpdatePassword', variables: { id: 7, password: /^\$argon2id\$v=19\$m=8,t=1,p=1\$/ } })
  }
})

t.test('a hash of another system may be of the password as it was sent, in NFD', async (t) => {
  const sent = 'cafe\u0301-password'
  const of = async (stored: string): Promise<number> => {
    const { url } = await hasuraOf(t, {
      UserByEmail: { data: { user: [{ id: 7, password: stored, default_role: 'user', roles: [] }] } },
      UpdatePassword: { data: { update_user_by_pk: { id: 7 } } }
    })
    const { call } = await service(t, { HASURA_GRAPHQL_ENDPOINT: url })
    return (await call('/login', { email: 'a@b.test', password: sent })).status
  }
  t.equal(await of(scrypt(sent)), 200)
  t.equal(await of(scrypt(sent.normalize('NFC'))), 200)
  t.equal(await of(scrypt('cafe-password')), 401)
})

t.test('bcrypt looks at 72 bytes, and so a longer password never matches', async (t) => {
  const long = 'x'.repeat(73)
  t.equal(await readStoredHash(await bcrypt(long, 4))?.(long), false)
  t.equal(await readStoredHash(await bcrypt(long.slice(1), 4))?.(long.slice(1)), true)
  t.equal(await readStoredHash(await bcrypt('é'.repeat(36), 4))?.('é'.repeat(37)), false)
})

t.test('scrypt with every parameter at its bound is run', async (t) => {
  t.equal(await readStoredHash(scrypt(password, { ln: 17, r: 8, p: 4 }))?.(password), true)
})

t.test('what is malformed or above the bounds is not run', async (t) => {
  const b = bcryptHash.slice(7)
  const s = scrypt(password).slice('$scrypt$ln=4,r=8,p=1'.length)
  const table = [
    `$2b$03$${b}`, `$2b$15$${b}`, `$2b$31$${b}`, `$2x$04$${b}`, `$2$04$${b}`, `$2b$4$${b}`, `$2b$04$${b}x`, '$2b$04$',
    `$scrypt$ln=18,r=8,p=1${s}`, `$scrypt$ln=4,r=9,p=1${s}`, `$scrypt$ln=4,r=8,p=5${s}`, `$scrypt$ln=0,r=8,p=1${s}`,
    `$scrypt$ln=4,r=0,p=1${s}`, `$scrypt$ln=4,r=8,p=0${s}`, `$scrypt$ln=4,r=8${s}`, `$scrypt$ln=-4,r=8,p=1${s}`,
    '$scrypt$ln=4,r=8,p=1$$', `$scrypt$ln=4,r=8,p=1$short${s}`, '$pbkdf2-sha256$29000$x$y', 'plain text', '{SSHA}x'
  ]
  for (const stored of table) t.equal(readStoredHash(stored), undefined, stored)
})
