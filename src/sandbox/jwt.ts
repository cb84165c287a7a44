import { createPublicKey, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'
import { HasuraFault } from './fault.ts'

type Json = Record<string, unknown>

export interface HasuraClaims { allowedRoles: string[], defaultRole: string, variables: Record<string, string> }

/** Bytes of an HMAC key below which an algorithm refuses it. */
const hmacBytes = { HS256: 32, HS384: 48, HS512: 64 } as const
const publicTypes = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'Ed25519']
const supported = ['type', 'key', 'claims_namespace', 'claims_format', 'audience', 'issuer', 'allowed_skew', 'header']

function parseKey (type: unknown, key: unknown): KeyObject {
  if (typeof key !== 'string') throw new Error('HASURA_GRAPHQL_JWT_SECRET: key and jwk_url both cannot be empty')
  const name = String(type)
  if (Object.hasOwn(hmacBytes, name)) {
    const bytes = hmacBytes[name as keyof typeof hmacBytes]
    if (Buffer.byteLength(key) >= bytes) return createSecretKey(key, 'utf8')
    throw new Error(`Invalid JWK: Key size too small; should be atleast ${bytes} characters`)
  }
  if (!publicTypes.includes(name)) throw new Error(`Invalid JWK: Key type: ${name} is not supported`)
  if (key.includes('PRIVATE KEY')) throw new Error('Could not decode PEM: This key type is not supported')
  return createPublicKey(key)
}

function parseConfig (text: string): Json {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch {
    // The parser's message quotes the secret.
  }
  if (typeof config !== 'object' || config === null) throw new Error('HASURA_GRAPHQL_JWT_SECRET is not a JSON object')
  const unknown = Object.keys(config).find(key => !supported.includes(key))
  if (unknown !== undefined) throw new Error(`The sandbox does not support "${unknown}" in HASURA_GRAPHQL_JWT_SECRET`)
  return config as Json
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

function typeName (value: unknown): string {
  if (value === null) return 'Null'
  if (Array.isArray(value)) return 'Array'
  return { string: 'String', number: 'Number', boolean: 'Bool', object: 'Object' }[typeof value as string] ?? 'Null'
}

/** `sub`, `iss` and `jti` must be strings, and the times numbers: read before the signature is looked at. */
function checkTypes (payload: Json): void {
  for (const [names, type, parser] of [[['iss', 'sub', 'jti'], 'String', 'StringOrURI'], [['exp', 'nbf', 'iat'], 'Number', 'NumericDate']] as const) {
    for (const name of names) {
      const found = payload[name] === undefined ? type : typeName(payload[name])
      if (found === type) continue
      const error = `Error in $.${name}: parsing ${parser} failed, expected ${type}, but encountered ${found}`
      refuse(`JWTClaimsSetDecodeError ${JSON.stringify(error)}`)
    }
  }
}

function checkTimes ({ exp, nbf, iat }: Json, skew: number): void {
  const now = Date.now() / 1000
  if (typeof exp === 'number' && now >= exp + skew) refuse('JWTExpired')
  if (typeof nbf === 'number' && now < nbf - skew) refuse('JWTNotYetValid')
  if (typeof iat === 'number' && iat > now + skew) refuse('JWTIssuedAtFuture')
}

/** An audience or issuer is checked only where the configuration and the token both have one. */
function checkParties ({ aud, iss }: Json, { audience, issuer }: Json): void {
  const expected = [audience].flat()
  if (audience !== undefined && aud !== undefined && ![aud].flat().some(item => expected.includes(item))) {
    refuse('JWTNotInAudience')
  }
  if (issuer !== undefined && iss !== undefined && iss !== issuer) refuse('JWTNotInIssuer')
}

function invalidClaims (message: string): never {
  throw new HasuraFault('jwt-invalid-claims', message)
}

function readNamespace (payload: Json, namespace: string, format: unknown): Json {
  const claims = payload[namespace]
  if (claims === undefined) invalidClaims(`claims key: '${namespace}' not found`)
  if (format === 'stringified_json') {
    if (typeof claims !== 'string') invalidClaims('expecting a string when claims_format is stringified_json')
    return JSON.parse(claims) as Json
  }
  if (typeName(claims) !== 'Object') invalidClaims('expecting a json object when claims_format is json')
  return claims as Json
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
    const found = typeName(Array.isArray(allowed) ? allowed.find(role => typeof role !== 'string') : allowed)
    const parser = Array.isArray(allowed) ? 'Text failed, expected String' : '[] failed, expected Array'
    return invalidClaims(
      `invalid x-hasura-allowed-roles; should be a list of roles: parsing ${parser}, but encountered ${found}`
    )
  }
  if (defaultRole === undefined) missing('x-hasura-default-role')
  if (typeof defaultRole !== 'string') {
    const error = `parsing Text failed, expected String, but encountered ${typeName(defaultRole)}`
    return invalidClaims(`invalid x-hasura-default-role; should be a single role name: ${error}`)
  }
  for (const value of Object.values(others)) {
    if (typeof value === 'string') continue
    invalidClaims(`x-hasura-* claims: parsing Text failed, expected String, but encountered ${typeName(value)}`)
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
  const key = parseKey(config['type'], config['key'])
  const { claims_namespace: namespace = 'https://hasura.io/jwt/claims' } = config
  if (typeof namespace !== 'string') throw new Error('HASURA_GRAPHQL_JWT_SECRET: claims_namespace must be a string')
  const skew = Number(config['allowed_skew'] ?? 0)

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
    // The configured type does not pin the algorithm: what decides is what the key can verify.
    await compactVerify(token, key).catch(() => refuse('JWSError JWSInvalidSignature'))
    checkTimes(payload, skew)
    checkParties(payload, config)
    return readClaims(readNamespace(payload, namespace, config['claims_format']))
  }
}
