import type { FastifyBaseLogger } from 'fastify'
import type { JsonWebKey } from 'node:crypto'
import { ConfigError } from '../config.ts'
import type { Config } from '../config.ts'
import type { JwtSecret } from './jwt-secret.ts'
import { readKeyFiles } from './key-files.ts'
import type { KeyFile } from './key-files.ts'
import { createKeyRing, timeline } from './key-ring.ts'
import type { KeyRing } from './key-ring.ts'
import { createSecretSigner, readSigningKey } from './signing-key.ts'
import type { Sign, SigningKey } from './signing-key.ts'
import { watch } from './watch.ts'

/** What a token is signed with, now and later. */
export interface Keys {
  sign: Sign
  /** What is to be published (RFC 7517); undefined with a secret. */
  published: (() => JsonWebKey[]) | undefined
  close: () => void
}

type Pair = Exclude<JwtSecret['keys'], { secret: string }>
type PairSecret = JwtSecret & { keys: Pair }
type NamedKey = SigningKey & { name: string, start: number }

type Variable = 'JWT_PRIVATE_KEY' | 'JWT_PRIVATE_KEY_FILE'

/** @throws ConfigError that names the file */
function readKeys (variable: Variable, files: KeyFile[], pair: Pair, lifetime: number): NamedKey[] {
  const keys = files.map(({ name, pem, start }) => {
    const refuse = (problem: string): never => {
      throw new ConfigError(variable, name === '' ? problem : `names a folder with ${name}, which ${problem}`)
    }
    return { name, start, ...readSigningKey(pem, pair, lifetime, refuse) }
  })
  for (const [index, { kid, name }] of keys.entries()) {
    const same = keys.slice(0, index).find(key => key.kid === kid)
    if (same === undefined) continue
    throw new ConfigError(variable, `names a folder in which ${same.name} and ${name} hold the same key`)
  }
  return keys
}

/** For the log: which keys there are. Thumbprints are published anyway. */
function describe (keys: NamedKey[]): object[] {
  const timeOf = (start: number) => Number.isFinite(start) ? new Date(start).toISOString() : undefined
  return keys.map(({ kid, start }) => ({ kid, signsFrom: timeOf(start) }))
}

function isSigning (keys: NamedKey[]): keys is [NamedKey, ...NamedKey[]] {
  return timeline(keys, Date.now(), 0).signing !== undefined
}

function createRing (first: NamedKey[], config: Config, allowedSkew: number): KeyRing<NamedKey> {
  const { ACCESS_TOKEN_TTL_SECONDS: lifetime, JWKS_MAX_AGE_SECONDS: maxAge } = config
  if (!isSigning(first)) {
    throw new ConfigError('JWT_PRIVATE_KEY_FILE', 'names a folder in which every key signs later: one must sign now')
  }
  return createKeyRing(first, {
    // A cache on the way may hold the old answer for one span, and Hasura that cache's answer for another.
    lead: 2 * maxAge * 1000,
    // The last token, and clocks that are not quite the same.
    tail: (lifetime + allowedSkew + maxAge) * 1000
  })
}

function keysOf (ring: KeyRing<NamedKey>, close: Keys['close']): Keys {
  return {
    sign: claims => ring.signing(Date.now()).sign(claims),
    published: () => ring.published(Date.now()).map(({ jwk }) => jwk),
    close
  }
}

/** The keys of a file or folder, which are read again whenever it changes. */
async function openFiles (
  path: string, config: Config, { keys: pair, allowedSkew }: PairSecret, log: FastifyBaseLogger
): Promise<Keys> {
  const { ACCESS_TOKEN_TTL_SECONDS: lifetime } = config
  const read = async (): Promise<KeyFile[]> => (
    readKeyFiles(path, (problem) => { throw new ConfigError('JWT_PRIVATE_KEY_FILE', problem) })
  )
  const first = await read()
  const ring = createRing(readKeys('JWT_PRIVATE_KEY_FILE', first, pair, lifetime), config, allowedSkew)

  async function take (reading: Promise<KeyFile[]>): Promise<void> {
    try {
      const next = readKeys('JWT_PRIVATE_KEY_FILE', await reading, pair, lifetime)
      ring.replace(next, Date.now())
      log.info({ keys: describe(ring.published(Date.now())) }, 'the private keys have changed')
      if (isSigning(next)) return
      log.warn('every private key in the folder signs later: the one before them signs until then, but a restart before then would fail')
    } catch (error) {
      log.error({ err: error }, 'the private keys on the disk are unusable: those before them stay in use')
    }
  }
  return keysOf(ring, watch({ read, first, take }))
}

/** The key of a variable. Environment files and secret stores often keep a value to one line. */
function openVariable (pem: string, config: Config, { keys: pair, allowedSkew }: PairSecret): Keys {
  const file = { name: '', pem: pem.replaceAll('\\n', '\n'), start: -Infinity }
  const keys = readKeys('JWT_PRIVATE_KEY', [file], pair, config.ACCESS_TOKEN_TTL_SECONDS)
  return keysOf(createRing(keys, config, allowedSkew), () => { /* nothing is watched */ })
}

/**
 * Opens the keys that Hasura's configuration asks for: its own secret, or private keys of this service.
 *
 * @throws ConfigError where they are missing, are not the other half of what Hasura has, or cannot sign
 */
export async function openKeys (config: Config, secret: JwtSecret, log: FastifyBaseLogger): Promise<Keys> {
  const { JWT_PRIVATE_KEY: pem, JWT_PRIVATE_KEY_FILE: path, ACCESS_TOKEN_TTL_SECONDS: lifetime } = config
  const { keys } = secret
  if (pem !== undefined && path !== undefined) {
    throw new ConfigError('JWT_PRIVATE_KEY', 'and JWT_PRIVATE_KEY_FILE are both set: take one of them out')
  }
  if (!('secret' in keys)) {
    if (pem !== undefined) return openVariable(pem, config, { ...secret, keys })
    if (path !== undefined) return openFiles(path, config, { ...secret, keys }, log)
    const half = 'url' in keys ? 'a "jwk_url"' : 'a public key'
    throw new ConfigError('JWT_PRIVATE_KEY', `is missing: HASURA_GRAPHQL_JWT_SECRET has ${half}, and the private key signs; `
      + 'set it, or JWT_PRIVATE_KEY_FILE')
  }
  const sign = createSecretSigner(keys, lifetime)
  if (pem === undefined && path === undefined) {
    return { sign, published: undefined, close: () => { /* nothing is open */ } }
  }
  const variable = pem === undefined ? 'JWT_PRIVATE_KEY_FILE' : 'JWT_PRIVATE_KEY'
  throw new ConfigError(variable, `is set, but HASURA_GRAPHQL_JWT_SECRET has type ${keys.type}, which signs with its own "key"`)
}
