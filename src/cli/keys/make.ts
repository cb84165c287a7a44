import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyPairKeyObjectResult } from 'node:crypto'
import { algorithmOf, hmacBytes, keyOfType, thumbprintOf } from '../../jwt/key-pair.ts'
import type { HmacType, PairType } from '../../jwt/key-pair.ts'

function makePair (type: PairType): KeyPairKeyObjectResult {
  const key = keyOfType[type]
  if (key === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return key === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: key })
}

export interface NewPair {
  kid: string
  /** PKCS#8. */
  privatePem: string
  /** SubjectPublicKeyInfo. */
  publicPem: string
}

export function makePems (type: PairType): NewPair {
  const { privateKey, publicKey } = makePair(type)
  return {
    kid: thumbprintOf(publicKey),
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString()
  }
}

const forEnvFile = '# For .env, which npm start, npm run dev and docker compose read.'
const forBoth = '# The same value for this service and for Hasura:'

/** In single quotes, where no character has a meaning. JSON and PEM contain none. */
function line (name: string, value: string): string {
  return `${name}='${value.replaceAll('\n', '\\n')}'`
}

/** The lines for .env with a new action secret. */
export function describeActionSecret (): string {
  return `${forEnvFile}\n${forBoth}\nACTION_SECRET=${randomBytes(32).toString('hex')}`
}

/** The lines for .env with a new shared secret. */
export function describeSecret (type: HmacType): string {
  const secret = { type, key: randomBytes(hmacBytes[type]).toString('hex') }
  return `${forEnvFile}\n${forBoth}\n${line('HASURA_GRAPHQL_JWT_SECRET', JSON.stringify(secret))}`
}

/**
 * The lines for .env for a key pair.
 *
 * @param path - file or folder with the private key; without it, the lines contain the key
 * @param url - from which Hasura fetches the public key; without it, the lines contain the key
 */
export function describePair (
  type: PairType, { kid, privatePem, publicPem }: NewPair, { path, url }: Record<'path' | 'url', string | undefined>
): string {
  // Hasura ignores the type beside a URL. This service needs it for RSA keys, which fit three types.
  const shownType = url === undefined || type === 'RS384' || type === 'RS512' ? { type } : {}
  const secret = { ...shownType, ...(url === undefined ? { key: publicPem } : { jwk_url: url }) }
  return [
    `# A new key for ${algorithmOf(type)}. Its kid is ${kid}.`,
    forEnvFile,
    '# For this service only:',
    path === undefined ? line('JWT_PRIVATE_KEY', privatePem) : line('JWT_PRIVATE_KEY_FILE', path),
    forBoth,
    line('HASURA_GRAPHQL_JWT_SECRET', JSON.stringify(secret))
  ].join('\n')
}
