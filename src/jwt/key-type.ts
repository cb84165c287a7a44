import type { KeyObject } from 'node:crypto'

/** Says what is wrong, in words that complete the sentence "NAME …", and throws. */
export type Refuse = (problem: string) => never

/** Hasura's types with a secret: the smallest key of each in bytes (RFC 7518, section 3.2). */
export const hmacBytes = { HS256: 32, HS384: 48, HS512: 64 } as const

/** Hasura's types with a key pair, and the key that each needs (RFC 7518, sections 3.3 and 3.4; RFC 8037). */
export const keyOfType = {
  RS256: 'RSA', RS384: 'RSA', RS512: 'RSA', ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', Ed25519: 'Ed25519'
} as const

/** The type that a key gets where the configuration names none. */
const typeOfKey = { 'RSA': 'RS256', 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', 'Ed25519': 'Ed25519' } as const

export type HmacType = keyof typeof hmacBytes
export type PairType = keyof typeof keyOfType

const curves: Record<string, keyof typeof typeOfKey> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

export function isHmacType (type: unknown): type is HmacType {
  return typeof type === 'string' && Object.hasOwn(hmacBytes, type)
}

export function isPairType (type: unknown): type is PairType {
  return typeof type === 'string' && Object.hasOwn(keyOfType, type)
}

/** Hasura's type as a token's header names it. */
export function algorithmOf<Type extends HmacType | PairType> (type: Type) {
  return type === 'Ed25519' ? 'EdDSA' as const : type as Exclude<Type, 'Ed25519'>
}

function nameOf (key: KeyObject): string {
  const { asymmetricKeyType: type = '', asymmetricKeyDetails: { namedCurve = '' } = {} } = key
  if (type === 'ec') return curves[namedCurve] ?? `the curve ${namedCurve}`
  return ({ rsa: 'RSA', ed25519: 'Ed25519' } as Record<string, string>)[type] ?? type
}

/**
 * The type that a public or private key signs for: the wanted one, or by the key where none is wanted.
 *
 * @throws through `refuse` where the key is of another kind or too small (RFC 7518, section 3.3)
 */
export function typeFor (key: KeyObject, wanted: PairType | undefined, refuse: Refuse): PairType {
  const name = nameOf(key)
  if (wanted !== undefined && name !== keyOfType[wanted]) {
    refuse(`is a key for ${name}, where type ${wanted} needs one for ${keyOfType[wanted]}`)
  }
  if (!Object.hasOwn(typeOfKey, name)) refuse(`is a key for ${name}, for which Hasura has no type`)
  const { asymmetricKeyDetails: { modulusLength = Infinity } = {} } = key
  if (modulusLength < 2048) refuse(`is an RSA key of ${modulusLength} bits: at least 2048 are needed`)
  return wanted ?? typeOfKey[name as keyof typeof typeOfKey]
}
