import { createHmac, hkdfSync } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { createRefreshTokens } from '../../src/sessions/refresh-token.ts'

const secret = 'a-token-secret-of-at-least-32-characters'
const other = 'another-token-secret-of-32-characters-or-more'
const token = { sessionId: '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6', generation: 3, expiresAt: 1_800_000_000 }

const sessions = fc.record({
  sessionId: fc.uuid(),
  generation: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  expiresAt: fc.integer({ min: 0, max: 2 ** 32 - 1 })
}, { noNullPrototype: true })

t.test('a token is 76 characters of base64url, the same bytes each time, and reads back', async (t) => {
  fc.assert(fc.property(sessions, (session) => {
    const text = createRefreshTokens([secret]).encode(session)
    t.match(text, /^[\w-]{76}$/)
    t.equal(createRefreshTokens([secret]).encode(session), text)
    t.strictSame(createRefreshTokens([secret]).decode(text), session)
  }), { numRuns: 200 })
})

t.test('a token of another secret is forged, unless that secret still verifies', async (t) => {
  const text = createRefreshTokens([other]).encode(token)
  t.equal(createRefreshTokens([secret]).decode(text), undefined)
  t.strictSame(createRefreshTokens([secret, other]).decode(text), token)
  t.not(createRefreshTokens([secret, other]).encode(token), text, 'the first secret signs')
})

t.test('a token with any changed bit is forged', async (t) => {
  const { encode, decode } = createRefreshTokens([secret])
  const bytes = Buffer.from(encode(token), 'base64url')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    t.equal(decode(changed.toString('base64url')), undefined, `bit ${bit}`)
  }
})

t.test('any other spelling of a token is malformed', async (t) => {
  const { encode, decode } = createRefreshTokens([secret])
  const text = encode(token)
  const bytes = Buffer.from(text, 'base64url')
  const table = [
    '', 'x', text.slice(1), `${text}A`, `${text}=`, ` ${text}`, `${text}\n`, `${text.slice(0, 75)} `, text.repeat(2),
    `+${text.slice(1)}`, bytes.toString('hex'), '😀'.repeat(38), 'A'.repeat(76), 'a'.repeat(100_000)
  ]
  for (const malformed of table) t.equal(decode(malformed), undefined, JSON.stringify(malformed.slice(0, 90)))
})

t.test('a token of another version is refused, even if its signature is right', async (t) => {
  const { encode, decode } = createRefreshTokens([secret])
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'refresh token', 32))
  const ofVersion = (version: number): string => {
    const signed = Buffer.from(encode(token), 'base64url').subarray(0, 25)
    signed.writeUInt8(version, 0)
    return Buffer.concat([signed, createHmac('sha256', key).update(signed).digest()]).toString('base64url')
  }
  t.strictSame(decode(ofVersion(1)), token)
  for (const version of [0, 2, 255]) t.equal(decode(ofVersion(version)), undefined)
})
