import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { UserCondition } from '../sessions/alive.ts'
import { deriveKey } from '../sessions/refresh-token.ts'
import type { FoundUser } from '../sessions/verified-user.ts'

/** What the states below are made of. */
type BoundUser = Pick<FoundUser, 'id' | 'email' | 'password' | 'disabled_at' | 'email_verified_at'>

const is = (value: string | null) => value === null ? { _is_null: true } : { _eq: value }

/** The state that a token of each purpose is bound to. Using the token changes the state, so the token works once. */
const states = {
  reset: ({ email, password, disabled_at }: BoundUser) => (
    { email: is(email), password: is(password), disabled_at: is(disabled_at) }
  ),
  verify: ({ email, email_verified_at }: BoundUser) => (
    { email: is(email), email_verified_at: is(email_verified_at) }
  ),
  change: ({ email, email_verified_at, password }: BoundUser) => (
    { email: is(email), email_verified_at: is(email_verified_at), password: is(password) }
  )
}

export type Purpose = keyof typeof states

/** The content of a mailed token. */
export interface MailedToken {
  userId: string
  /** The new email of a change; otherwise empty. */
  payload: string
  /** Tells whether this service made the token, and the user is still in the state that it is bound to. */
  isBoundTo: (user: BoundUser) => boolean
}

export interface MailedTokens {
  /** Makes a token that is bound to the state of the user. */
  create: (purpose: Purpose, user: BoundUser, payload?: string) => string
  /**
   * Reads a token; undefined if it is malformed, expired, or of another purpose. It may still be forged: its signature
   * covers the state of the user, so only `isBoundTo` can check it.
   */
  read: (purpose: Purpose, text: string) => MailedToken | undefined
}

const version = 1
const macLength = 32
/** More than any token that the service makes: an email has at most 254 code points of at most 4 bytes. */
const maxLength = 2048

/** Writes each text with its length in front, so that no two lists of texts give the same bytes. */
function encodeTexts (texts: readonly string[]): Buffer {
  return Buffer.concat(texts.flatMap((text) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(Buffer.byteLength(text))
    return [length, Buffer.from(text)]
  }))
}

/** The reverse of `encodeTexts`. Bytes that are no such list give another one, whose signature cannot be right. */
function decodeTexts (bytes: Buffer): string[] {
  if (bytes.length < 2) return []
  const end = 2 + bytes.readUInt16BE(0)
  return [bytes.toString('utf8', 2, end), ...decodeTexts(bytes.subarray(end))]
}

/** The condition of a user who is still in the state that a token of this purpose is bound to. */
export function isInState (purpose: Purpose, user: BoundUser): UserCondition {
  return states[purpose](user)
}

/** Times are bound in the words of Hasura, null as an empty text. */
function encodeState (purpose: Purpose, user: BoundUser): Buffer {
  return encodeTexts(Object.values(states[purpose](user)).map(condition => '_eq' in condition ? condition._eq : ''))
}

/**
 * Tokens for links in mails. They need no row of their own: base64url of the version, the fields, and an HMAC over both
 * and the state of the user.
 *
 * @param secrets - `TOKEN_SECRET`, which signs, and others that only verify
 * @param secondsToLive - lifetime of a token
 */
export function createMailedTokens (
  secrets: readonly [string, ...string[]], secondsToLive: number
): MailedTokens {
  const keyOf = (secret: string): KeyObject => deriveKey(secret, 'mailed token')
  const signingKey = keyOf(secrets[0])
  const keys = secrets.map(keyOf)
  const macOf = (key: KeyObject, signed: Buffer, purpose: Purpose, user: BoundUser): Buffer => (
    createHmac('sha256', key).update(signed).update(encodeState(purpose, user)).digest()
  )

  return {
    create (purpose, user, payload = '') {
      const expiresAt = Math.floor(Date.now() / 1000) + secondsToLive
      const fields = encodeTexts([purpose, String(user.id), String(expiresAt), payload])
      const signed = Buffer.concat([Buffer.of(version), fields])
      return Buffer.concat([signed, macOf(signingKey, signed, purpose, user)]).toString('base64url')
    },

    read (purpose, text) {
      if (text.length > maxLength) return undefined
      const bytes = Buffer.from(text, 'base64url')
      // Each token has one spelling.
      if (bytes.toString('base64url') !== text || bytes[0] !== version) return undefined
      const [signed, mac] = [bytes.subarray(0, -macLength), bytes.subarray(-macLength)]
      const [sentPurpose, userId, expiresAt, payload] = decodeTexts(signed.subarray(1))
      if (sentPurpose !== purpose || userId === undefined || payload === undefined) return undefined
      if (!(Number(expiresAt) * 1000 > Date.now())) return undefined
      return {
        userId,
        payload,
        isBoundTo: user => (
          String(user.id) === userId && keys.some(key => timingSafeEqual(macOf(key, signed, purpose, user), mac))
        )
      }
    }
  }
}
