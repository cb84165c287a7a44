import type { JsonWebKey, KeyObject } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { FastifyInstance, ParsedVariables } from 'fastify'
import { ConfigError } from '../config.ts'
import type { Environment } from '../config.ts'
import { findWorldWritable, poll, readKeyFiles, refuseFile } from './key-files.ts'
import type { KeyFile } from './key-files.ts'
import { readPrivateKey, readSigningKey } from './key-pair.ts'
import type { HmacType, PairType, Refuse, Sign, SigningKey } from './key-pair.ts'
import { createKeyRing } from './key-ring.ts'

/** What this service signs tokens with. */
export interface SigningKeys {
  sign: Sign
  /** The public keys (RFC 7517); undefined if tokens are signed with the secret that Hasura has. */
  publicKeys: (() => JsonWebKey[]) | undefined
}

/** What the tokens are signed with, as far as the variables say it without the disk. */
type SigningSource = { type: HmacType, secret: string }
  | { key: SigningKey }
  | { path: string, expected: { type: PairType | undefined, publicKey?: KeyObject } }

declare module 'fastify' {
  interface ParsedVariables {
    JWT_PRIVATE_KEY: SigningSource
  }
}

interface TimedKey { kid: string, jwk: JsonWebKey, sign: Sign, start: number }

function signsNow (keys: TimedKey[]): keys is [TimedKey, ...TimedKey[]] {
  return keys.some(({ start }) => start <= Date.now())
}

/** The keys of a file or folder, which are replaced whenever it changes. */
async function openFiles (
  fastify: FastifyInstance, path: string, refuse: Refuse, readKeys: (files: KeyFile[]) => TimedKey[]
): Promise<SigningKeys> {
  const { log, parsed: { HASURA_GRAPHQL_JWT_SECRET: { allowedSkewSeconds } } } = fastify
  const { ACCESS_TOKEN_TTL_SECONDS: ttlSeconds, JWKS_MAX_AGE_SECONDS: maxAgeSeconds } = fastify.config
  const read = async (): Promise<KeyFile[]> => readKeyFiles(path, refuse)
  const files = await read()
  const first = readKeys(files)
  if (!signsNow(first)) return refuse('names a folder in which every key signs later: one must sign now')
  const paths = await findWorldWritable(path, files)
  if (paths.length > 0) log.warn({ paths }, 'Every user of this machine can replace private keys, and so issue tokens: run chmod o-w on these paths')

  const ring = createKeyRing(first, {
    // A cache may keep the old answer for this time, and Hasura may then keep the cache's answer for as long again.
    beforeSigning: 2 * maxAgeSeconds * 1000,
    // Until the last token has expired, with a margin for clocks that differ.
    afterSigning: (ttlSeconds + allowedSkewSeconds + maxAgeSeconds) * 1000
  })
  async function replace (reading: Promise<KeyFile[]>): Promise<void> {
    try {
      const keys = readKeys(await reading)
      ring.replace(keys, Date.now())
      log.info({ kids: ring.published(Date.now()).map(({ kid }) => kid) }, 'The private keys have changed')
      if (!signsNow(keys)) log.warn('Every private key in the folder signs later: the previous key signs until then, but a restart before then fails')
    } catch (error) {
      log.error({ err: error }, 'The private keys on the disk are unusable: the previous keys stay in use')
    }
  }
  const stop = poll(read, files, replace)
  fastify.addHook('onClose', async () => { stop() })
  return {
    sign: payload => ring.signing(Date.now()).sign(payload),
    publicKeys: () => ring.published(Date.now()).map(({ jwk }) => jwk)
  }
}

/**
 * Checks `JWT_PRIVATE_KEY` and `JWT_PRIVATE_KEY_FILE` against Hasura's configuration, without reading the disk.
 *
 * @returns undefined if Hasura's configuration is unusable
 * @throws ConfigError if a key is missing or not needed, does not belong to the key that Hasura has, or cannot sign
 */
export function parsePrivateKey (
  pem: string | undefined, { JWT_PRIVATE_KEY_FILE: path }: Environment,
  { HASURA_GRAPHQL_JWT_SECRET: jwtSecret }: Partial<ParsedVariables>
): SigningSource | undefined {
  const refuse: Refuse = (problem) => {
    throw new ConfigError(path === undefined ? 'JWT_PRIVATE_KEY' : 'JWT_PRIVATE_KEY_FILE', problem)
  }
  if (pem !== undefined && path !== undefined) refuse('and JWT_PRIVATE_KEY are both set: remove one of them')
  // Environment files and secret stores often hold a value on one line.
  const lines = pem?.replaceAll('\\n', '\n')
  if (jwtSecret === undefined) {
    if (lines !== undefined) readPrivateKey(lines, refuse)
    return undefined
  }
  const { keys } = jwtSecret
  if ('secret' in keys) {
    if ((pem ?? path) !== undefined) refuse(`is set, but type ${keys.type} in HASURA_GRAPHQL_JWT_SECRET signs with its own "key"`)
    return keys
  }
  if (path !== undefined) return { path, expected: keys }
  if (lines !== undefined) return { key: readSigningKey(lines, keys, refuse) }
  return refuse('is missing: HASURA_GRAPHQL_JWT_SECRET has only a public key or its URL; set it, or JWT_PRIVATE_KEY_FILE')
}

/**
 * Opens the keys that Hasura's configuration requires: its own secret, or private keys of this service.
 *
 * @throws ConfigError if a file is unusable, or its key does not belong to the key that Hasura has, or cannot sign
 */
export async function openSigningKeys (fastify: FastifyInstance): Promise<SigningKeys> {
  const { parsed: { JWT_PRIVATE_KEY: source }, config: { ACCESS_TOKEN_TTL_SECONDS: ttlSeconds } } = fastify
  if ('secret' in source) {
    // Without a kid: the thumbprint of a secret would be a hash of it.
    const sign = createSigner({ key: source.secret, algorithm: source.type, expiresIn: ttlSeconds * 1000 })
    return { sign, publicKeys: undefined }
  }
  if ('key' in source) {
    const { key: { jwk, signer } } = source
    return { sign: signer(ttlSeconds), publicKeys: () => [jwk] }
  }
  const refuse: Refuse = (problem) => { throw new ConfigError('JWT_PRIVATE_KEY_FILE', problem) }
  return openFiles(fastify, source.path, refuse, (files) => {
    const timedKeys = files.map(({ name, pem, start }) => {
      const { kid, jwk, signer } = readSigningKey(pem, source.expected, refuseFile(name, refuse))
      return { start, kid, jwk, sign: signer(ttlSeconds) }
    })
    const kids = new Set(timedKeys.map(({ kid }) => kid))
    if (kids.size < timedKeys.length) refuse('names a folder in which two files hold the same key')
    return timedKeys
  })
}
