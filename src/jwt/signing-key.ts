import { createHash, createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { JwtSecret } from './jwt-secret.ts'
import { algorithmOf, typeFor } from './key-type.ts'
import type { Refuse } from './key-type.ts'
import { readPrivateKey } from './pem.ts'

/** Signs a token's claims, to which it adds `iat` and `exp` (RFC 7515, compact form). */
export type Sign = (claims: object) => string

/** A key pair that signs, and its public half as it is published (RFC 7517, section 4). */
export interface SigningKey {
  kid: string
  jwk: JsonWebKey
  sign: Sign
}

/** The members of a public key, in the order of their names (RFC 7638, section 3.2). */
function publicMembers (key: KeyObject): JsonWebKey {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return Object.fromEntries(Object.entries(publicKey.export({ format: 'jwk' })).sort())
}

/** RFC 7638: the same key has the same name everywhere. */
export function thumbprintOf (key: KeyObject): string {
  return createHash('sha256').update(JSON.stringify(publicMembers(key))).digest('base64url')
}

/**
 * A signer with the secret that both sides have. Its tokens name no key: a thumbprint of a secret is a hash of it.
 *
 * @param lifetime - of a token, in seconds
 */
export function createSecretSigner ({ type, secret }: { type: 'HS256' | 'HS384' | 'HS512', secret: string }, lifetime: number): Sign {
  // In milliseconds; `iat` is rounded down: Hasura refuses one that is in the future by any part of a second.
  return createSigner({ key: secret, algorithm: type, expiresIn: lifetime * 1000 })
}

/** A key that cannot sign, or whose public half is another key's, fails here, and not at the first login. */
function checkSignature (sign: Sign, publicKey: KeyObject, refuse: Refuse): void {
  try {
    createVerifier({ key: publicKey.export({ type: 'spki', format: 'pem' }).toString() })(sign({}))
  } catch {
    refuse('holds a private key whose signature its public half does not accept: the two are not of one pair')
  }
}

/**
 * Reads a private key, holds it against Hasura's configuration, and makes and verifies one signature with it.
 *
 * @param lifetime - of a token, in seconds
 * @throws through `refuse`
 */
export function readSigningKey (
  pem: string, keys: Exclude<JwtSecret['keys'], { secret: string }>, lifetime: number, refuse: Refuse
): SigningKey {
  const key = readPrivateKey(pem, refuse)
  const type = typeFor(key, keys.type, problem => refuse(`holds a private key that ${problem}`))
  const kid = thumbprintOf(key)
  if ('publicKey' in keys && kid !== thumbprintOf(keys.publicKey)) {
    refuse('holds a private key that is not the other half of the public key in HASURA_GRAPHQL_JWT_SECRET')
  }
  // fast-jwt takes no KeyObject.
  const pkcs8 = key.export({ type: 'pkcs8', format: 'pem' }).toString()
  const sign = createSigner({ key: pkcs8, algorithm: algorithmOf(type), kid, expiresIn: lifetime * 1000 })
  checkSignature(sign, 'publicKey' in keys ? keys.publicKey : createPublicKey(key), refuse)
  return { kid, jwk: { ...publicMembers(key), kid, alg: algorithmOf(type), use: 'sig' }, sign }
}
