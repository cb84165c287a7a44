import type { JsonWebKey } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { FastifyInstance, ParsedVariables } from 'fastify'
import { refuseVariable } from '../config.ts'
import type { Environment } from '../config.ts'
import { findWorldWritable, poll, readKeyFiles, refuseFile } from './key-files.ts'
import type { KeyFile } from './key-files.ts'
import { readPrivateKey, readSigningKey } from './key-pair.ts'
import type { ExpectedKey, Sign, SigningKey } from './key-pair.ts'
import { createKeyRing } from './key-ring.ts'
import type { RingKey } from './key-ring.ts'

/** What this service signs tokens with. */
export interface SigningKeys {
  sign: Sign
  /** The public keys (RFC 7517); undefined if tokens are signed with the secret that Hasura has. */
  publicKeys: (() => JsonWebKey[]) | undefined
}

/** A file or folder of keys that is not read yet. */
interface KeyPath { path: string, expected: ExpectedKey }

declare module 'fastify' {
  interface ParsedVariables {
    JWT_PRIVATE_KEY: SigningKeys | KeyPath
  }
}

type TimedKey = SigningKey & RingKey

const refusePath = refuseVariable('JWT_PRIVATE_KEY_FILE')

function readKeys (files: KeyFile[], expected: ExpectedKey): TimedKey[] {
  const keys = files.map(({ name, pem, start }) => (
    { start, ...readSigningKey(pem, expected, refuseFile(name, refusePath)) }
  ))
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) refusePath('names a folder in which two files hold the same key')
  return keys
}

function signsNow (keys: TimedKey[]): keys is [TimedKey, ...TimedKey[]] {
  return keys.some(({ start }) => start <= Date.now())
}

/**
 * Opens the keys of a file or folder, and replaces them whenever it changes.
 *
 * @throws ConfigError if a file is unusable, or its key does not belong to the key that Hasura has, or cannot sign
 */
export async function openKeyPath (fastify: FastifyInstance, { path, expected }: KeyPath): Promise<SigningKeys> {
  const { log, parsed: { HASURA_GRAPHQL_JWT_SECRET: { allowedSkewSeconds } } } = fastify
  const { ACCESS_TOKEN_TTL_SECONDS: ttlSeconds, JWKS_MAX_AGE_SECONDS: maxAgeSeconds } = fastify.config
  const read = async (): Promise<KeyFile[]> => readKeyFiles(path, refusePath)
  const files = await read()
  const first = readKeys(files, expected)
  if (!signsNow(first)) return refusePath('names a folder in which every key signs later: one must sign now')
  const paths = await findWorldWritable(path, files)
  if (paths.length > 0) log.warn({ paths }, 'Every user of this machine can replace private keys, and so issue tokens: run chmod o-w on these paths')

  // A cache may keep the old answer for the maximum age, and Hasura may then keep the cache's answer for as long again.
  const beforeMs = 2 * maxAgeSeconds * 1000
  // Until the last token has expired, with a margin for clocks that differ.
  const afterMs = (ttlSeconds + allowedSkewSeconds + maxAgeSeconds) * 1000
  const ring = createKeyRing(first, beforeMs, afterMs)
  async function replace (reading: Promise<KeyFile[]>): Promise<void> {
    try {
      const keys = readKeys(await reading, expected)
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
): SigningKeys | KeyPath | undefined {
  const refuse = path === undefined ? refuseVariable('JWT_PRIVATE_KEY') : refusePath
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
    // Without a kid: the thumbprint of a secret would be a hash of it.
    return { sign: createSigner({ key: keys.secret, algorithm: keys.type }), publicKeys: undefined }
  }
  if (path !== undefined) return { path, expected: keys }
  if (lines === undefined) return refuse('is missing: HASURA_GRAPHQL_JWT_SECRET has only a public key or its URL; set it, or JWT_PRIVATE_KEY_FILE')
  const { jwk, sign } = readSigningKey(lines, keys, refuse)
  return { sign, publicKeys: () => [jwk] }
}
