import type { KeyObject } from 'node:crypto'
import { refuseVariable } from '../config.ts'
import type { Environment } from '../config.ts'
import { readClaimsMap, registeredClaims } from './claims-map.ts'
import type { Payload, ToPayload } from './claims-map.ts'
import { isObject, parseJsonPath, writeAt } from './json-path.ts'
import type { JsonPath } from './json-path.ts'
import { hmacBytes, isHmacType, isPairType, readPublicKey, typeFor, types } from './key-pair.ts'
import type { HmacType, PairType } from './key-pair.ts'

/** What Hasura's JWT configuration says about tokens. */
export interface JwtSecret {
  /** How Hasura verifies tokens: with a shared secret, with a public key, or with the public keys at a URL. */
  keys: { type: HmacType, secret: string }
    | { type: PairType, publicKey: KeyObject }
    | { type: PairType | undefined, url: string }
  toPayload: ToPayload
  allowedSkewSeconds: number
}

declare module 'fastify' {
  interface ParsedVariables {
    HASURA_GRAPHQL_JWT_SECRET: JwtSecret
  }
}

/** The keys of Hasura's JSON that this service uses. */
type JwtConfig = { type?: unknown, claims_map?: unknown, audience?: string | string[], allowed_skew?: number }
  & Partial<Record<'key' | 'jwk_url' | 'issuer' | `claims_${'namespace' | 'namespace_path' | 'format'}`, string>>

const character = '[\\w.~!$&\'()*+,;=-]|%[\\da-f]{2}'
const authority = `//(?:(?:${character}|:)*@)?(?:\\[[\\da-f:.]+\\]|(?:${character})*)(?::\\d*)?`
const path = `(?:${character}|[:@/])*`
const tail = `(?:${character}|[:@/?])*`
/** RFC 3986, with a scheme. */
const uri = new RegExp(`^[a-z][a-z\\d+.-]*:(?:${authority}(?:/${path})?|(?!//)${path})(?:\\?${tail})?(?:#${tail})?$`, 'i')

/** RFC 7519, section 2: a string with a colon must be a URI. Hasura reads no other `iss`, `sub` or `aud`. */
export function isStringOrUri (value: unknown): value is string {
  return typeof value === 'string' && (!value.includes(':') || uri.test(value))
}

const isString = (value: unknown): value is string => typeof value === 'string'

function isHeader (value: unknown): boolean {
  if (!isObject(value) || !isString(value['type'])) return false
  return /^authorization$/i.test(value['type']) || (/^(?:cookie|customheader)$/i.test(value['type']) && isString(value['name']))
}

/** What Hasura accepts for a key: a check, and its text for the error. With a skew over a year, `exp` is useless. */
const rules: Record<string, [isValid: (value: unknown) => boolean, expected: string]> = {
  key: [isString, 'a string'],
  jwk_url: [value => isString(value) && /^https?:\/\/[^/]/i.test(value) && URL.canParse(value), 'a URL with http:// or https://'],
  issuer: [isStringOrUri, 'a string without a colon, or a URI'],
  audience: [value => [value].flat().every(isStringOrUri), 'a string without a colon, a URI, or a list of these'],
  allowed_skew: [value => Number.isInteger(value) && Math.abs(Number(value)) <= 31_536_000, 'a whole number of seconds, at most a year'],
  claims_namespace: [isString, 'a string'],
  claims_namespace_path: [value => parseJsonPath(value) !== undefined, 'a JSONPath such as $, $.a.b or $.a[\'b%\']'],
  claims_format: [value => value === 'json' || value === 'stringified_json', 'json or stringified_json'],
  header: [isHeader, 'an object with the "type" Authorization, or Cookie or CustomHeader and a "name"']
}

const refuse = refuseVariable('HASURA_GRAPHQL_JWT_SECRET')

function parse (json: string): JwtConfig {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The message of JSON.parse quotes the secret.
  }
  if (!isObject(value)) return refuse('is not a JSON object: use Hasura\'s own form, {"type":"HS256","key":"<at least 32 characters>"}, and single quotes around it in a .env file or a shell')
  // Hasura treats null like a missing key.
  const config = Object.fromEntries(Object.entries(value).filter(([, value]) => value !== null))
  for (const [name, [isValid, expected]] of Object.entries(rules)) {
    if (config[name] !== undefined && !isValid(config[name])) refuse(`has an unusable "${name}": it must be ${expected}`)
  }
  return config
}

function readKeys ({ type, key, jwk_url: url }: JwtConfig): JwtSecret['keys'] {
  // Beside a URL, Hasura ignores the type. Here it selects the algorithm, if it is one of a key pair.
  if (url !== undefined && key === undefined) return { type: isPairType(type) ? type : undefined, url }
  if (key === undefined || url !== undefined) return refuse('needs either a "key" or a "jwk_url"')
  if (isHmacType(type)) {
    // Hasura uses the UTF-8 bytes of the string. It does not decode base64.
    if (Buffer.byteLength(key) >= hmacBytes[type]) return { type, secret: key }
    return refuse(`has a "key" that is too short: ${type} needs at least ${hmacBytes[type]} bytes`)
  }
  if (!isPairType(type)) return refuse(`needs a "type", one of ${types.join(', ')}`)
  const refuseKey = (problem: string): never => refuse(`has a "key" that ${problem}`)
  const publicKey = readPublicKey(key, refuseKey)
  return { type: typeFor(publicKey, type, refuseKey), publicKey }
}

/** Without a `claims_map`, Hasura reads all of its claims from one place in the token. */
function readNamespace (config: JwtConfig, fixed: Payload): ToPayload {
  const { claims_namespace: namespace, claims_namespace_path: path, claims_format: format } = config
  const name = path === undefined ? 'claims_namespace' : 'claims_namespace_path'
  const keys = path === undefined ? [namespace ?? 'https://hasura.io/jwt/claims'] : parseJsonPath(path) as JsonPath
  const isText = format === 'stringified_json'
  if (keys.some(key => typeof key === 'number')) refuse(`has a "${name}" into a list: this service writes objects`)
  if (registeredClaims.includes(String(keys[0]))) refuse(`has a "${name}" inside the registered claim ${String(keys[0])}`)
  if (isText && keys.length === 0) refuse(`has the "${name}" $ and stringified_json: a token is not a string`)
  return (registered, claims) => {
    if (keys.length === 0) return { ...fixed, ...registered, ...claims }
    const payload = Object.assign(Object.create(null) as Payload, fixed, registered)
    writeAt(payload, keys, isText ? JSON.stringify(claims) : claims)
    return payload
  }
}

/**
 * Reads Hasura's JWT configuration. It ignores what Hasura ignores.
 *
 * @throws ConfigError that names the key of the JSON, if Hasura would not start or would refuse every token
 */
export function readJwtSecret (json: string, { TOKEN_SECRET }: Environment): JwtSecret {
  const config = parse(json)
  const { issuer, audience, allowed_skew: skew = 0, claims_map: map } = config
  if (config.claims_namespace !== undefined && config.claims_namespace_path !== undefined) refuse('has both "claims_namespace" and "claims_namespace_path": Hasura accepts only one of them')
  // If the list is empty, Hasura refuses every audience, and accepts a token without one.
  const fixed = { iss: issuer, aud: audience?.length === 0 ? undefined : audience }
  return {
    keys: readKeys(config),
    toPayload: map === undefined ? readNamespace(config, fixed) : readClaimsMap(map, fixed, TOKEN_SECRET !== undefined),
    // Hasura ignores the sign.
    allowedSkewSeconds: Math.abs(skew)
  }
}
