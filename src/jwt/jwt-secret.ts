import type { KeyObject } from 'node:crypto'
import { ConfigError } from '../config.ts'
import { readClaimsShape } from './claims-shape.ts'
import type { ClaimsShape } from './claims-shape.ts'
import { hmacBytes, isHmacType, isPairType, keyOfType, typeFor } from './key-type.ts'
import type { HmacType, PairType } from './key-type.ts'
import { readPublicKey } from './pem.ts'
import { isStringOrUri } from './string-or-uri.ts'

/** Hasura's JWT configuration, as far as it says what a token must be. */
export interface JwtSecret {
  /** How Hasura verifies: with a secret that both sides have, with one public key, or with those at a URL. */
  keys: { type: HmacType, secret: string }
    | { type: PairType, publicKey: KeyObject }
    | { type: PairType | undefined, url: string }
  /** The registered claims that are the same in every token. */
  fixed: { iss?: string, aud?: string | string[] }
  place: ClaimsShape
  /** In seconds. */
  allowedSkew: number
}

const types = [...Object.keys(hmacBytes), ...Object.keys(keyOfType)].join(', ')

function refuse (problem: string): never {
  throw new ConfigError('HASURA_GRAPHQL_JWT_SECRET', problem)
}

/** Hasura takes a null for a key that is not there. */
function parseObject (json: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The parser's message quotes the value.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).filter(([, value]) => value !== null))
  }
  return refuse('is not a JSON object: use Hasura\'s own form, {"type":"HS256","key":"<at least 32 characters>"}, '
    + 'and put it in single quotes in a .env file or a shell')
}

function readSecret (type: HmacType, key: unknown): JwtSecret['keys'] {
  const bytes = hmacBytes[type]
  if (typeof key !== 'string') return refuse(`has no "key" that is a string of at least ${bytes} bytes`)
  // The bytes of the string as they are: Hasura decodes no base64.
  if (Buffer.byteLength(key) < bytes) refuse(`has a "key" that is too short: ${type} needs at least ${bytes} bytes`)
  return { type, secret: key }
}

function readKey (type: unknown, key: unknown): JwtSecret['keys'] {
  if (type === undefined) refuse(`has no "type": use one of ${types}`)
  if (isHmacType(type)) return readSecret(type, key)
  if (!isPairType(type)) return refuse(`has a "type" that Hasura does not know: use one of ${types}`)
  if (typeof key !== 'string') return refuse('has a "key" that is not a string')
  const refuseKey = (problem: string): never => refuse(`has a "key" that ${problem}`)
  const publicKey = readPublicKey(key, refuseKey)
  return { type: typeFor(publicKey, type, refuseKey), publicKey }
}

/** Beside a URL Hasura does not look at the type; here it says which algorithm the keys at that URL are for. */
function readUrl (type: unknown, url: unknown): JwtSecret['keys'] {
  if (typeof url !== 'string' || !/^https?:\/\/[^/]/i.test(url) || !URL.canParse(url)) {
    return refuse('has a "jwk_url" that is not a URL: use http:// or https://')
  }
  return { type: isPairType(type) ? type : undefined, url }
}

function isAudience (value: unknown): value is string | string[] {
  return Array.isArray(value) ? value.every(isStringOrUri) : isStringOrUri(value)
}

function readFixedClaims ({ issuer, audience }: Record<string, unknown>): JwtSecret['fixed'] {
  if (issuer !== undefined && !isStringOrUri(issuer)) {
    refuse('has an "issuer" that is neither a string without a colon nor a URI')
  }
  if (audience !== undefined && !isAudience(audience)) {
    refuse('has an "audience" that is not a string or a list of them, each a URI where it has a colon')
  }
  // Against an empty list every audience is the wrong one, and none at all is right.
  const isNamed = audience !== undefined && audience.length > 0
  return { ...(issuer !== undefined && { iss: issuer }), ...(isNamed && { aud: audience }) }
}

/** Where the client sends the token is between it and Hasura: nothing here depends on it. */
function checkHeader (header: unknown): void {
  if (header === undefined) return
  const { type, name } = Object(header) as { type?: unknown, name?: unknown }
  const kind = typeof type === 'string' ? type.toLowerCase() : ''
  if (kind === 'authorization') return
  if (!['cookie', 'customheader'].includes(kind)) {
    refuse('has a "header" that is not an object whose "type" is Authorization, Cookie or CustomHeader')
  }
  if (typeof name !== 'string') refuse('has a "header" without the "name" of the cookie or header')
}

/**
 * Reads Hasura's JWT configuration, and refuses what Hasura refuses, and what no token would be accepted with. What
 * Hasura does not know is ignored here, too.
 *
 * @throws ConfigError that says which key of the JSON is unusable and why
 */
export function readJwtSecret (json: string): JwtSecret {
  const secret = parseObject(json)
  const { type, key, jwk_url: url, allowed_skew: allowedSkew = 0, header } = secret
  if (key === undefined && url === undefined) refuse('has neither "key" nor "jwk_url": Hasura needs one of them')
  if (key !== undefined && url !== undefined) refuse('has both "key" and "jwk_url": Hasura takes only one of them')
  const keys = url === undefined ? readKey(type, key) : readUrl(type, url)
  if (typeof allowedSkew !== 'number' || !Number.isInteger(allowedSkew) || Math.abs(allowedSkew) > 31_536_000) {
    return refuse('has an "allowed_skew" that is not a whole number of seconds, at most a year')
  }
  checkHeader(header)
  const fixed = readFixedClaims(secret)
  // hs-jose takes a negative one without its sign.
  return { keys, fixed, allowedSkew: Math.abs(allowedSkew), place: readClaimsShape(secret, fixed, refuse) }
}
