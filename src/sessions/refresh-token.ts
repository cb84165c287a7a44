import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Config } from '../config.ts'

/** The content of a refresh token. Everything else is in the session's row. The database stores no token. */
export interface RefreshToken {
  /** A UUID in lower case. */
  sessionId: string
  /** How often the session had been refreshed when this token was issued. */
  generation: number
  /** The absolute expiry of the session, in seconds since 1970. */
  expiresAt: number
}

export interface RefreshTokens {
  /** Makes the token. The same session and generation give the same bytes on every replica. */
  encode: (token: RefreshToken) => string
  /** Reads a token; undefined if it is malformed or forged. Its expiry is not checked. */
  decode: (text: string) => RefreshToken | undefined
}

const version = 1
/** Bytes of the version, the session id, the generation and the expiry. */
const signedLength = 1 + 16 + 4 + 4
/** 57 bytes with the HMAC-SHA-256 at the end. They are 76 characters without padding, so a token has one spelling. */
const format = /^[\w-]{76}$/

function toUuid (bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** The secrets that sign and verify tokens of this service; undefined without `TOKEN_SECRET`. The first one signs. */
export function tokenSecrets (
  { TOKEN_SECRET: secret, TOKEN_SECRET_PREVIOUS: previous }: Config
): [string, ...string[]] | undefined {
  if (secret === undefined) return undefined
  return previous === undefined ? [secret] : [secret, previous]
}

/**
 * Makes a key of 32 bytes from `TOKEN_SECRET` (HKDF, RFC 5869).
 *
 * @param info - what the key is for; other keys reveal nothing about it
 */
export function deriveKey (secret: string, info: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', info, 32)))
}

/**
 * Refresh tokens that need no row of their own: base64url of the version, the session id, the generation, the expiry,
 * and an HMAC over these.
 *
 * @param secrets - `TOKEN_SECRET`, which signs, and others that only verify
 */
export function createRefreshTokens (secrets: readonly [string, ...string[]]): RefreshTokens {
  const keyOf = (secret: string): KeyObject => deriveKey(secret, 'refresh token')
  const signingKey = keyOf(secrets[0])
  const keys = secrets.map(keyOf)
  const mac = (key: KeyObject, signed: Buffer): Buffer => createHmac('sha256', key).update(signed).digest()

  return {
    encode ({ sessionId, generation, expiresAt }) {
      const signed = Buffer.alloc(signedLength)
      signed.writeUInt8(version, 0)
      signed.write(sessionId.replaceAll('-', ''), 1, 'hex')
      signed.writeUInt32BE(generation, 17)
      signed.writeUInt32BE(expiresAt, 21)
      return Buffer.concat([signed, mac(signingKey, signed)]).toString('base64url')
    },

    decode (text) {
      if (!format.test(text)) return undefined
      const bytes = Buffer.from(text, 'base64url')
      const [signed, sent] = [bytes.subarray(0, signedLength), bytes.subarray(signedLength)]
      if (!keys.some(key => timingSafeEqual(mac(key, signed), sent))) return undefined
      if (signed.readUInt8(0) !== version) return undefined
      return {
        sessionId: toUuid(signed.subarray(1, 17)),
        generation: signed.readUInt32BE(17),
        expiresAt: signed.readUInt32BE(21)
      }
    }
  }
}
