import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { KeyPairKeyObjectResult } from 'node:crypto'
import { algorithmOf, hmacBytes, keyOfType } from '../../jwt/key-type.ts'
import type { HmacType, PairType } from '../../jwt/key-type.ts'
import { thumbprintOf } from '../../jwt/signing-key.ts'

export const types = [...Object.keys(hmacBytes), ...Object.keys(keyOfType)]

/** A secret in hexadecimal: twice as many characters as it has bytes of chance. */
export function makeSecret (bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

function makePair (type: PairType): KeyPairKeyObjectResult {
  const key = keyOfType[type]
  if (key === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return key === 'Ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: key })
}

export interface NewPair {
  kid: string
  /** PKCS#8 and SubjectPublicKeyInfo. */
  privatePem: string
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

/** Docker's --env-file takes quotes for a part of the value, and a shell exports nothing by itself. */
export const intoEnv = '# For .env, which npm start, npm run dev and docker compose read.'

/** In single quotes, in which nothing means anything; JSON and PEM have none in them. */
function line (name: string, value: string): string {
  return `${name}='${value.replaceAll('\n', '\\n')}'`
}

export function describeSecret (type: HmacType): string {
  const secret = JSON.stringify({ type, key: makeSecret(hmacBytes[type]) })
  return `${intoEnv}\n# For this service and for Hasura, the same:\n${line('HASURA_GRAPHQL_JWT_SECRET', secret)}`
}

/**
 * What goes where for a key pair.
 *
 * @param path - of the file or folder with the private key; without one the key itself is in the answer
 * @param url - from which Hasura fetches the public key; without one Hasura gets the key itself
 */
export function describePair (
  type: PairType, { kid, privatePem, publicPem }: NewPair, { path, url }: Record<'path' | 'url', string | undefined>
): string {
  // Beside a URL Hasura looks at no type, and without one a later key may be of another; but RSA keys fit three.
  const shown = url === undefined || type === 'RS384' || type === 'RS512' ? { type } : {}
  const secret = { ...shown, ...(url === undefined ? { key: publicPem } : { jwk_url: url }) }
  return [
    `# A key for ${algorithmOf(type)}, with the kid ${kid}.`,
    intoEnv,
    '# For this service alone:',
    path === undefined ? line('JWT_PRIVATE_KEY', privatePem) : line('JWT_PRIVATE_KEY_FILE', path),
    '# For this service and for Hasura, the same:',
    line('HASURA_GRAPHQL_JWT_SECRET', JSON.stringify(secret))
  ].join('\n')
}
