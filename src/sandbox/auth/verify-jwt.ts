import type { KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'
import { registeredClaims } from '../../jwt/claims-map.ts'
import { isObject, readAt } from '../../jwt/json-path.ts'
import { isStringOrUri } from '../../jwt/jwt-secret.ts'
import { hmacBytes, isHmacType } from '../../jwt/key-pair.ts'
import { HasuraFault } from '../fault.ts'
import { parseObject, typeMistake } from '../json.ts'
import type { Json } from '../json.ts'
import { parseJwtConfig } from './jwt-config.ts'
import type { ClaimsMap, JwtConfig } from './jwt-config.ts'
import { pollKeys } from './poll-jwks.ts'

/** The algorithms that hs-jose, Hasura's library, allows by default. */
const algorithms = /^(?:[HRPE]S(?:256|384|512)|EdDSA)$/

/** Refuses a token. The reason is worded as in hs-jose. */
function refuse (reason: string): never {
  throw new HasuraFault('invalid-jwt', `Could not verify JWT: ${reason}`)
}

function decodePart (part: string): Json {
  const decoded = parseObject(Buffer.from(part, 'base64url').toString())
  return decoded ?? refuse('JWSError (JSONDecodeError "Error in $: not a JSON object")')
}

/** Checks the types of the registered claims. Hasura does this before it checks the signature. */
function checkTypes (payload: Json): void {
  const check = (claim: string, value: unknown, type: string, parser: string): void => {
    if (value === undefined) return
    const isMalformed = parser === 'StringOrURI' && typeof value === 'string' && !isStringOrUri(value)
    const mistake = isMalformed ? 'parsing StringOrURI failed, invalid URI' : typeMistake(value, type, parser)
    if (mistake !== undefined) refuse(`JWTClaimsSetDecodeError ${JSON.stringify(`Error in $.${claim}: ${mistake}`)}`)
  }
  for (const claim of ['iss', 'sub']) check(claim, payload[claim], 'String', 'StringOrURI')
  for (const item of [payload['aud']].flat()) check('aud', item, 'String', 'StringOrURI')
  check('jti', payload['jti'], 'String', 'Text')
  for (const claim of ['exp', 'nbf', 'iat']) check(claim, payload[claim], 'Number', 'NumericDate')
}

function checkTimes ({ exp, nbf, iat }: Json, skew: number): void {
  const now = Date.now() / 1000
  if (typeof exp === 'number' && now >= exp + skew) refuse('JWTExpired')
  if (typeof nbf === 'number' && now < nbf - skew) refuse('JWTNotYetValid')
  if (typeof iat === 'number' && iat > now + skew) refuse('JWTIssuedAtFuture')
}

/** Hasura checks audience and issuer only if the configuration and the token both have one. */
function checkParties ({ aud, iss }: Json, { audience, issuer }: JwtConfig): void {
  const isForUs = aud === undefined || [aud].flat().some(item => typeof item === 'string' && audience?.includes(item))
  if (audience !== undefined && !isForUs) refuse('JWTNotInAudience')
  if (issuer !== undefined && iss !== undefined && iss !== issuer) refuse('JWTNotInIssuer')
}

/** Tries every key: Hasura ignores `kid`, and the configured type does not limit the algorithm. */
async function isSigned (token: string, alg: string, keys: KeyObject[]): Promise<boolean> {
  // A secret verifies every HMAC algorithm for which it is long enough.
  const minimum = isHmacType(alg) ? hmacBytes[alg] : 0
  const usable = keys.filter(({ symmetricKeySize: size = Infinity }) => algorithms.test(alg) && size >= minimum)
  for (const key of usable) if (await compactVerify(token, key).then(() => true, () => false)) return true
  return false
}

interface SessionClaims { allowedRoles: string[], defaultRole: string, variables: Record<string, string> }

function invalidClaims (message: string): never {
  throw new HasuraFault('jwt-invalid-claims', message)
}

function requireType (value: unknown, type: string, parser: string, what: string): void {
  const mistake = typeMistake(value, type, parser)
  if (mistake !== undefined) invalidClaims(`${what}: ${mistake}`)
}

function readRole (value: unknown, what: string): string {
  requireType(value, 'String', 'Text', what)
  return String(value) || invalidClaims(`${what}: a role is empty`)
}

function readClaims (claims: Json): SessionClaims {
  const named = Object.entries(claims).map(([name, value]): [string, unknown] => [name.toLowerCase(), value])
  const { 'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': role, ...others } = Object.fromEntries(
    named.filter(([name]) => name.startsWith('x-hasura-'))
  )
  const missing = (name: string): never => {
    throw new HasuraFault('jwt-missing-role-claims', `JWT claim does not contain ${name}`)
  }
  const listOfRoles = 'invalid x-hasura-allowed-roles; should be a list of roles'
  if (allowed === undefined) missing('x-hasura-allowed-roles')
  requireType(allowed, 'Array', '[]', listOfRoles)
  const allowedRoles = [allowed].flat().map(role => readRole(role, listOfRoles))
  if (role === undefined) missing('x-hasura-default-role')
  const defaultRole = readRole(role, 'invalid x-hasura-default-role; should be a single role name')
  for (const value of Object.values(others)) requireType(value, 'String', 'Text', 'x-hasura-* claims')
  return { allowedRoles, defaultRole, variables: others as Record<string, string> }
}

/** Reads the claims of a `claims_map`: each is a literal, or a value at a path in the token. */
function readMapped (payload: Json, map: ClaimsMap): Json {
  return Object.fromEntries(Object.entries(map).map(([claim, mapped]): [string, unknown] => {
    if (typeof mapped === 'string' || Array.isArray(mapped)) return [claim, mapped]
    const value = readAt(payload, mapped.path.steps) ?? mapped.default ?? undefined
    const isRole = claim === 'x-hasura-allowed-roles' || claim === 'x-hasura-default-role'
    if (value === undefined && !isRole) invalidClaims(`JWT claim from claims_map, ${claim.toLowerCase()} not found`)
    return [claim, value]
  }))
}

/**
 * Finds Hasura's claims in a verified token.
 *
 * @throws HasuraFault with Hasura's message
 */
function findClaims (payload: Json, config: JwtConfig): SessionClaims {
  const { claims_map: map, claims_namespace: name = 'https://hasura.io/jwt/claims', claims_namespace_path: path } = config
  if (map !== undefined) return readClaims(readMapped(payload, map))
  const own = Object.fromEntries(Object.entries(payload).filter(([claim]) => !registeredClaims.includes(claim)))
  const found = readAt(own, path?.steps ?? [name])
  if (found === undefined) {
    invalidClaims(path ? `claims not found at claims_namespace_path: '${path.text}'` : `claims key: '${name}' not found`)
  }
  if (config.claims_format === 'json') {
    return isObject(found) ? readClaims(found) : invalidClaims('expecting a json object when claims_format is json')
  }
  if (typeof found !== 'string') return invalidClaims('expecting a string when claims_format is stringified_json')
  const claims = parseObject(found)
  if (claims !== undefined) return readClaims(claims)
  const place = path ? `claims_namespace_path ${path.text}` : `claims_namespace ${name}`
  return invalidClaims(`expecting stringified json at: '${place}', but found: ${found}`)
}

/**
 * Makes a verifier of tokens that follows Hasura's rules. It does not use the library that signs them.
 *
 * @param secret - Hasura's `HASURA_GRAPHQL_JWT_SECRET`
 * @param report - receives the problems of a `jwk_url`
 * @returns where the client sends its token, how to verify it, and how to end the polling of a `jwk_url`
 * @throws Error if Hasura would not start with it, or the sandbox does not support a key
 */
export function createJwtVerifier (secret: string, report: (problem: string) => void) {
  const config = parseJwtConfig(secret)
  const { keys: configured } = config
  const { keys, close } = 'url' in configured
    ? pollKeys(configured.url, report)
    : { keys: () => configured, close: () => { /* nothing polls */ } }

  async function verify (token: string): Promise<SessionClaims> {
    const parts = token.split('.')
    const [header = '', body = ''] = parts
    if (parts.length !== 3) {
      refuse(`JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got ${parts.length})`)
    }
    const { alg } = decodePart(header)
    if (alg === 'none') refuse('JWSError JWSNoSignatures')
    const payload = decodePart(body)
    checkTypes(payload)
    if (keys().length === 0) refuse('JWSError NoUsableKeys')
    if (!await isSigned(token, String(alg), keys())) refuse('JWSError JWSInvalidSignature')
    checkTimes(payload, config.allowed_skew)
    checkParties(payload, config)
    return findClaims(payload, config)
  }
  return { place: config.header, verify, close }
}
