import { createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createMailedTokens, isInState } from '../../src/mail/mailed-token.ts'
import type { Purpose } from '../../src/mail/mailed-token.ts'
import type { FoundUser } from '../../src/sessions/verified-user.ts'
import { replace } from '../support/replace.ts'

const secret = 'a-token-secret-of-at-least-32-characters'
const other = 'another-token-secret-of-32-characters-or-more'
const purposes: Purpose[] = ['reset', 'verify', 'change']

const user: FoundUser = {
  id: 7,
  email: 'ann@b.test',
  password: '$argon2id$1',
  disabled_at: null,
  email_verified_at: null,
  default_role: 'user',
  roles: []
}
const time = '2026-01-01T00:00:00.123456+00:00'

let now = Date.parse('2026-01-01T00:00:00.900Z')
replace(t, Date, 'now', () => now)

const tokens = createMailedTokens([secret], 3600)

/** Whether the token is accepted for this purpose and user. */
function accepts (purpose: Purpose, text: string, row = user, by = tokens): boolean {
  return by.read(purpose, text)?.isBoundTo(row) ?? false
}

t.test('a token reads back for its purpose, and for no other', async (t) => {
  for (const purpose of purposes) {
    const text = tokens.create(purpose, user, 'new@b.test')
    t.match(text, /^[\w-]+$/)
    for (const wanted of purposes) t.equal(accepts(wanted, text), wanted === purpose, `${purpose} as ${wanted}`)
    const { userId, payload } = tokens.read(purpose, text) ?? {}
    t.strictSame({ userId, payload }, { userId: '7', payload: 'new@b.test' })
  }
})

t.test('a token expires at the second', async (t) => {
  const text = tokens.create('verify', user)
  const expiry = Date.parse('2026-01-01T01:00:00Z')
  for (const [at, expected] of [[expiry - 1, true], [expiry, false], [expiry + 1, false]] as const) {
    now = at
    t.equal(accepts('verify', text), expected, `${at - expiry} ms after`)
  }
  now = Date.parse('2026-01-01T00:00:00.900Z')
})

t.test('a token stops working when the state that it is bound to changes, and only then', async (t) => {
  const changes: Record<string, Partial<Record<keyof typeof user, unknown>>> = {
    'another email': { email: 'bob@b.test' },
    'another hash': { password: '$argon2id$2' },
    'disabled': { disabled_at: time },
    'verified': { email_verified_at: time },
    'another user': { id: 8 },
    'another role': { default_role: 'admin' }
  }
  const dies: Record<Purpose, string[]> = {
    reset: ['another email', 'another hash', 'disabled', 'another user'],
    verify: ['another email', 'verified', 'another user'],
    change: ['another email', 'another hash', 'verified', 'another user']
  }
  for (const purpose of purposes) {
    const text = tokens.create(purpose, user)
    for (const [name, change] of Object.entries(changes)) {
      const changed = { ...user, ...change } as typeof user
      t.equal(accepts(purpose, text, changed), !dies[purpose].includes(name), `${purpose}, ${name}`)
    }
  }
  const verified = { ...user, email_verified_at: time }
  t.ok(accepts('change', tokens.create('change', verified), verified), 'a time is bound as Hasura writes it')
})

t.test('the condition of the write is the state that the token is bound to', async (t) => {
  const isNull = { _is_null: true }
  t.strictSame(isInState('reset', user), {
    email: { _eq: user.email }, password: { _eq: user.password }, disabled_at: isNull
  })
  t.strictSame(isInState('verify', user), { email: { _eq: user.email }, email_verified_at: isNull })
  const verified = { ...user, email_verified_at: time }
  t.strictSame(isInState('change', verified), {
    email: { _eq: user.email }, email_verified_at: { _eq: time }, password: { _eq: user.password }
  })
})

t.test('a token of another secret is refused, unless that secret still verifies', async (t) => {
  const text = createMailedTokens([other], 3600).create('reset', user)
  t.notOk(accepts('reset', text))
  const both = createMailedTokens([secret, other], 3600)
  t.ok(accepts('reset', text, user, both))
  t.ok(accepts('reset', both.create('reset', user)), 'the first secret signs')
})

t.test('the key is not the one of refresh tokens', async (t) => {
  const bytes = Buffer.from(tokens.create('verify', user), 'base64url')
  const [signed, mac] = [bytes.subarray(0, -32), bytes.subarray(-32)]
  const state = Buffer.concat([Buffer.from([0, 10]), Buffer.from('ann@b.test'), Buffer.from([0, 0])])
  const macWith = (info: string) => {
    const key = new Uint8Array(hkdfSync('sha256', secret, '', info, 32))
    return createHmac('sha256', key).update(signed).update(state).digest('hex')
  }
  t.equal(mac.toString('hex'), macWith('mailed token'))
  t.not(mac.toString('hex'), macWith('refresh token'))
})

t.test('a token with any changed bit is refused', async (t) => {
  const bytes = Buffer.from(tokens.create('change', user, 'x@gmail.com'), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    t.notOk(accepts('change', changed.toString('base64url')), `bit ${bit}`)
  }
})

t.test('a token that is cut, extended or spelled differently is refused', async (t) => {
  const text = tokens.create('verify', user)
  const bytes = Buffer.from(text, 'base64url')
  const table = [
    '', 'AQ', 'x', '😀', '\ud800', ` ${text}`, `${text}\n`, `${text}=`, `${text}A`, text.repeat(2), `+${text.slice(1)}`,
    bytes.toString('hex'), 'A'.repeat(76), 'AQ'.repeat(1024), 'A'.repeat(100_000)
  ]
  for (const malformed of table) t.notOk(accepts('verify', malformed), JSON.stringify(malformed.slice(0, 90)))
  for (let end = 0; end < bytes.length; end++) {
    t.notOk(accepts('verify', bytes.subarray(0, end).toString('base64url')), `the first ${end} bytes`)
    t.notOk(accepts('verify', bytes.subarray(end + 1).toString('base64url')), `without the first ${end + 1} bytes`)
  }
})

// Without the length of each field, a token for `x@gmail.co` and a state that begins with `m` would fit `x@gmail.com`.
t.test('no two contents share a signature: characters that move between fields and state', async (t) => {
  const text = fc.stringMatching(/^[a-z@.]{0,12}$/)
  fc.assert(fc.property(text, text, text, fc.nat(12), (payload, email, password, moved) => {
    const row = { ...user, email, password }
    const genuine = Buffer.from(tokens.create('change', row, payload), 'base64url')
    const joined = payload + email
    const at = moved % (joined.length + 1)
    const [otherPayload, otherEmail] = [joined.slice(0, at), joined.slice(at)]
    // The token of the other content, with the signature of this one.
    const target = Buffer.from(tokens.create('change', { ...row, email: otherEmail }, otherPayload), 'base64url')
    const forged = Buffer.concat([target.subarray(0, -32), genuine.subarray(-32)]).toString('base64url')
    t.equal(accepts('change', forged, { ...row, email: otherEmail }), otherPayload === payload)
  }), { numRuns: 500 })
})

t.test('random bytes in the form of a token are refused', async (t) => {
  const field = fc.oneof(fc.string(), fc.constantFrom('verify', 'reset', 'change', '7', '9999999999'))
  const fields = fc.array(field, { maxLength: 6 })
  const macs = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(fc.property(fields, macs, fc.constantFrom(...purposes), (texts, mac, purpose) => {
    const encoded = texts.flatMap((text) => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(Buffer.byteLength(text))
      return [length, Buffer.from(text)]
    })
    const forged = Buffer.concat([Buffer.of(1), ...encoded, mac]).toString('base64url')
    t.notOk(accepts(purpose, forged))
  }), { numRuns: 500 })
})
