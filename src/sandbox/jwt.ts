import { createSecretKey } from 'node:crypto'
import { compactVerify } from 'jose'
import { HasuraFault, jsonType } from './fault.ts'

type Json = Record<string, unknown>

export interface HasuraClaims { allowedRoles: string[], defaultRole: string, variables: Record<string, string> }

/** Bytes of an HMAC key below which an algorithm refuses it. */
const hmacBytes: Record<string, number> = { HS256: 32, HS384: 48, HS512: 64 }
const supported = ['type', 'key', 'claims_namespace', 'claims_format', 'audience', 'issuer', 'allowed_skew']

interface JwtConfig { key: string, namespace: string, skew: number, audience: unknown, issuer: unknown }

function parseConfig (text: string): JwtConfig {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch {
    // The parser's message quotes the secret.
  }
  if (typeof config !== 'object' || config === null) throw new Error('HASURA_GRAPHQL_JWT_SECRET is not a JSON object')
  const {
    type, key, claims_namespace: namespace = 'https://hasura.io/jwt/claims', claims_format: format = 'json',
    allowed_skew: skew = 0, audience, issuer
  } = config as Json
  const unknown = Object.keys(config).find(key => !supported.includes(key)) ?? (format === 'json' ? undefined : 'claims_format')
  if (unknown !== undefined) throw new Error(`The sandbox does not support this "${unknown}" in HASURA_GRAPHQL_JWT_SECRET`)
  if (typeof key !== 'string') throw new Error('HASURA_GRAPHQL_JWT_SECRET: key and jwk_url both cannot be empty')
  const bytes = hmacBytes[String(type)]
  if (bytes === undefined) throw new Error('The sandbox supports HS256, HS384 and HS512 in HASURA_GRAPHQL_JWT_SECRET')
  if (Buffer.byteLength(key) < bytes) throw new Error(`Invalid JWK: Key size too small; should be atleast ${bytes} characters`)
  if (typeof namespace !== 'string' || !Number.isInteger(skew)) {
    throw new Error('HASURA_GRAPHQL_JWT_SECRET: claims_namespace must be a string, and allowed_skew an integer')
  }
  return { key, namespace, skew: Number(skew), audience, issuer }
}

/** A refusal by the JOSE library that Hasura uses, under the name that it has there. */
function refuse (reason: string): never {
  throw new HasuraFault('invalid-jwt', `Could not verify JWT: ${reason}`)
}

function decodePart (part: string): Json {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown
    if (typeof value === 'object' && value !== null) return value as Json
  } catch {
    // Falls through to the refusal.
  }
  return refuse('JWSError (JSONDecodeError "Error in $: not a JSON object")')
}

/** RFC 7519, section 2: a StringOrURI with a colon in it must be a URI. */
function isStringOrUri (value: unknown): boolean {
  return typeof value === 'string' && (!value.includes(':') || /^[a-z][a-z0-9+.-]*:[^\s<>"{}|\\^`]*$/i.test(value))
}

/** What the registered claims must be is looked at before the signature. */
function checkTypes (payload: Json): void {
  const check = (claim: string, value: unknown, type: string, parser: string): void => {
    const found = value === undefined ? type : jsonType(value)
    const isMalformed = parser === 'StringOrURI' && typeof value === 'string' && !isStringOrUri(value)
    if (found === type && !isMalformed) return
    const reason = isMalformed ? 'invalid URI' : `expected ${type}, but encountered ${found}`
    refuse(`JWTClaimsSetDecodeError ${JSON.stringify(`Error in $.${claim}: parsing ${parser} failed, ${reason}`)}`)
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

/** An audience or issuer is checked only where the configuration and the token both have one. */
function checkParties ({ aud, iss }: Json, { audience, issuer }: JwtConfig): void {
  const expected = [audience].flat()
  if (audience !== undefined && aud !== undefined && ![aud].flat().some(item => expected.includes(item))) {
    refuse('JWTNotInAudience')
  }
  if (issuer !== undefined && iss !== undefined && iss !== issuer) refuse('JWTNotInIssuer')
}

function invalidClaims (message: string): never {
  throw new HasuraFault('jwt-invalid-claims', message)
}

function readClaims (claims: Json): HasuraClaims {
  const named = Object.entries(claims).map(([name, value]): [string, unknown] => [name.toLowerCase(), value])
  const { 'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': defaultRole, ...others } = Object.fromEntries(
    named.filter(([name]) => name.startsWith('x-hasura-'))
  )
  const missing = (name: string): never => {
    throw new HasuraFault('jwt-missing-role-claims', `JWT claim does not contain ${name}`)
  }
  if (allowed === undefined) missing('x-hasura-allowed-roles')
  if (!Array.isArray(allowed) || !allowed.every(role => typeof role === 'string')) {
    const found = jsonType(Array.isArray(allowed) ? allowed.find(role => typeof role !== 'string') : allowed)
    const parser = Array.isArray(allowed) ? 'Text failed, expected String' : '[] failed, expected Array'
    return invalidClaims(
      `invalid x-hasura-allowed-roles; should be a list of roles: parsing ${parser}, but encountered ${found}`
    )
  }
  if (allowed.includes('')) invalidClaims('invalid x-hasura-allowed-roles; should be a list of roles: a role is empty')
  if (defaultRole === undefined) missing('x-hasura-default-role')
  if (typeof defaultRole !== 'string') {
    const error = `parsing Text failed, expected String, but encountered ${jsonType(defaultRole)}`
    return invalidClaims(`invalid x-hasura-default-role; should be a single role name: ${error}`)
  }
  if (defaultRole === '') invalidClaims('invalid x-hasura-default-role; should be a single role name: it is empty')
  for (const value of Object.values(others)) {
    if (typeof value === 'string') continue
    invalidClaims(`x-hasura-* claims: parsing Text failed, expected String, but encountered ${jsonType(value)}`)
  }
  return { allowedRoles: allowed, defaultRole, variables: others as Record<string, string> }
}

/**
 * Makes a verifier for tokens that follows Hasura's rules, on another library than the one that signs them.
 *
 * @param secret - Hasura's `HASURA_GRAPHQL_JWT_SECRET`
 * @throws Error where Hasura would not start with it, or the sandbox does not support a key of it
 */
export function createJwtVerifier (secret: string): (token: string) => Promise<HasuraClaims> {
  const config = parseConfig(secret)
  const key = createSecretKey(config.key, 'utf8')

  return async (token) => {
    const parts = token.split('.')
    const [header = '', body = ''] = parts
    if (parts.length !== 3) {
      refuse(`JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got ${parts.length})`)
    }
    const { alg } = decodePart(header)
    if (alg === 'none') refuse('JWSError JWSNoSignatures')
    const payload = decodePart(body)
    checkTypes(payload)
    // The configured type does not pin the algorithm: what decides is what the key can verify, by its length too.
    const isLongEnough = (hmacBytes[String(alg)] ?? Infinity) <= Buffer.byteLength(config.key)
    const verified = isLongEnough && await compactVerify(token, key).then(() => true, () => false)
    if (!verified) refuse('JWSError JWSInvalidSignature')
    checkTimes(payload, config.skew)
    checkParties(payload, config)
    const claims = payload[config.namespace]
    if (claims === undefined) invalidClaims(`claims key: '${config.namespace}' not found`)
    if (jsonType(claims) !== 'Object') invalidClaims('expecting a json object when claims_format is json')
    return readClaims(claims as Json)
  }
}
