import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { createSigner, createVerifier } from 'fast-jwt'
import type { Refuse } from '../config.ts'

/** Hasura's types with a shared secret, and the minimum length of the secret in bytes (RFC 7518, section 3.2). */
export const hmacBytes = { HS256: 32, HS384: 48, HS512: 64 } as const

/** Hasura's types with a key pair, and the key that each needs (RFC 7518, sections 3.3 and 3.4; RFC 8037). */
export const keyOfType = {
  RS256: 'RSA', RS384: 'RSA', RS512: 'RSA', ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', Ed25519: 'Ed25519'
} as const

export const types = [...Object.keys(hmacBytes), ...Object.keys(keyOfType)]

export type HmacType = keyof typeof hmacBytes
export type PairType = keyof typeof keyOfType

const isKeyOf = (table: object, type: unknown): boolean => typeof type === 'string' && Object.hasOwn(table, type)
export const isHmacType = (type: unknown): type is HmacType => isKeyOf(hmacBytes, type)
export const isPairType = (type: unknown): type is PairType => isKeyOf(keyOfType, type)

/** The `alg` of a token for Hasura's type (RFC 7518, section 3.1; RFC 8037, section 3.1). */
export function algorithmOf (type: PairType) {
  return type === 'Ed25519' ? 'EdDSA' : type
}

/** Node.js's names of these keys. */
const nodeNames: Record<string, string> = {
  rsa: 'RSA', ed25519: 'Ed25519', prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521'
}

/**
 * The type that a public or private key signs with: the wanted one, or the first one for such a key.
 *
 * @throws through `refuse` if the key does not fit the type, or is too small (RFC 7518, section 3.3)
 */
export function typeFor (key: KeyObject, wanted: PairType | undefined, refuse: Refuse): PairType {
  const { asymmetricKeyType, asymmetricKeyDetails: { namedCurve, modulusLength = Infinity } = {} } = key
  const nodeName = String(namedCurve ?? asymmetricKeyType)
  const name = nodeNames[nodeName] ?? nodeName
  const type = wanted ?? Object.keys(keyOfType).filter(isPairType).find(type => keyOfType[type] === name)
  if (type === undefined) return refuse(`is a key for ${name}, for which Hasura has no type`)
  if (keyOfType[type] !== name) refuse(`is a key for ${name}, but type ${type} needs one for ${keyOfType[type]}`)
  if (modulusLength < 2048) refuse(`is an RSA key of ${modulusLength} bits: it needs at least 2048`)
  return type
}

interface Block { label: string, text: string }

/** The blocks of a PEM file. Text outside them has no meaning (RFC 7468, section 2). */
function blocksOf (pem: string): Block[] {
  const blocks = pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)
  return Array.from(blocks, ([text, label = '']) => ({ label, text }))
}

function decode (create: (pem: string) => KeyObject, { label, text }: Block, refuse: Refuse): KeyObject {
  try {
    return create(text)
  } catch {
    return refuse(`holds a PEM block "${label}" that cannot be decoded`)
  }
}

/**
 * Reads a public key as Hasura does: SubjectPublicKeyInfo, PKCS#1 or X.509, and only from the first PEM block.
 *
 * @throws through `refuse`, also for a private key, from which Node.js would silently take the public half
 */
export function readPublicKey (pem: string, refuse: Refuse): KeyObject {
  const [first] = blocksOf(pem)
  if (first === undefined) return refuse('holds no PEM block: it must be a public key or an X.509 certificate in PEM')
  if (first.label.endsWith('PRIVATE KEY')) {
    refuse('holds a private key, which Hasura refuses: set it as JWT_PRIVATE_KEY, and its public key here')
  }
  return decode(createPublicKey, first, refuse)
}

/**
 * Reads the only private key (PKCS#8, PKCS#1 or SEC 1) of a PEM file, which may also hold parameters or certificates.
 *
 * @throws through `refuse`; the message never repeats the content
 */
export function readPrivateKey (pem: string, refuse: Refuse): KeyObject {
  const [first, second] = blocksOf(pem).filter(({ label }) => label.endsWith('PRIVATE KEY'))
  if (first === undefined) return refuse('holds no private key: it must be one in PEM (PKCS#8, PKCS#1 or SEC 1)')
  if (second !== undefined) refuse('holds more than one private key: each needs a file of its own')
  // PKCS#8 marks encryption in the label, PKCS#1 and SEC 1 in a header.
  if (first.text.includes('ENCRYPTED')) refuse('holds an encrypted private key: decrypt it with `openssl pkey`')
  return decode(createPrivateKey, first, refuse)
}

/** The members of a public key, in the order that RFC 7638, section 3, requires. */
function publicMembers (key: KeyObject): JsonWebKey {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return Object.fromEntries(Object.entries(publicKey.export({ format: 'jwk' })).sort())
}

/** The `kid` of a key: its thumbprint (RFC 7638), which is the same on every replica. */
export function thumbprintOf (key: KeyObject): string {
  return createHash('sha256').update(JSON.stringify(publicMembers(key))).digest('base64url')
}

/** Signs the claims of a token (RFC 7515, compact serialization). */
export type Sign = (payload: object) => string

/** A private key that signs, and its public key as a JWK (RFC 7517, section 4). */
export interface SigningKey {
  kid: string
  jwk: JsonWebKey
  sign: Sign
}

/** The type and the public key in Hasura's configuration, if it has them. */
export interface ExpectedKey { type: PairType | undefined, publicKey?: KeyObject }

/**
 * Reads a private key, and makes and verifies one signature, so that an unusable key fails the start and not a login.
 *
 * @throws through `refuse`
 */
export function readSigningKey (pem: string, expected: ExpectedKey, refuse: Refuse): SigningKey {
  const key = readPrivateKey(pem, refuse)
  const algorithm = algorithmOf(typeFor(key, expected.type, problem => refuse(`holds a private key that ${problem}`)))
  const kid = thumbprintOf(key)
  const { publicKey = createPublicKey(key) } = expected
  if (kid !== thumbprintOf(publicKey)) {
    refuse('holds a private key that does not belong to the public key in HASURA_GRAPHQL_JWT_SECRET')
  }
  // fast-jwt does not accept a KeyObject.
  const sign = createSigner({ key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), algorithm, kid })
  try {
    createVerifier({ key: publicKey.export({ type: 'spki', format: 'pem' }).toString() })(sign({}))
  } catch {
    // A SEC 1 file holds both keys of a pair, and they may not match.
    refuse('holds a private key whose signature its own public key does not accept')
  }
  return { kid, jwk: { ...publicMembers(key), kid, alg: algorithm, use: 'sig' }, sign }
}
