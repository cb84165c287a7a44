import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJwtSecret } from '../../jwt/jwt-secret.ts'
import { isPairType, keyOfType } from '../../jwt/key-type.ts'
import type { PairType } from '../../jwt/key-type.ts'
import { configSchema } from '../../config.ts'
import type { Environment } from '../../config.ts'
import { planRotation, writeKey } from './folder.ts'

function secondsOf (text: string, what: string, minimum: number, maximum: number): number {
  const seconds = Number(text)
  if (/^\d+$/.test(text) && seconds >= minimum && seconds <= maximum) return seconds
  throw new Error(`${what} must be a number of seconds from ${minimum} to ${maximum}`)
}

function setting (env: Environment, name: 'JWKS_MAX_AGE_SECONDS' | 'ACCESS_TOKEN_TTL_SECONDS') {
  const { default: standard, minimum, maximum } = configSchema.properties[name]
  const seconds = secondsOf(env[name] || String(standard), name, minimum, maximum)
  return { seconds, text: `${name}=${seconds} (${env[name] ? 'set' : 'the default'})` }
}

/** What the service's own configuration says, where it is in the environment: the type, and the skew in seconds. */
function configured ({ HASURA_GRAPHQL_JWT_SECRET: json }: Environment) {
  if (!json) return { type: undefined, skew: 0, text: 'allowed_skew=0 (HASURA_GRAPHQL_JWT_SECRET is not set)' }
  const { keys, allowedSkew } = readJwtSecret(json)
  if ('url' in keys) return { type: keys.type, skew: allowedSkew, text: `allowed_skew=${allowedSkew}` }
  throw new Error('HASURA_GRAPHQL_JWT_SECRET has no "jwk_url": Hasura would refuse the tokens of every key but its own')
}

function typeOf (wanted: string | undefined, type: PairType | undefined): PairType | undefined {
  if (wanted === undefined) return type
  if (!isPairType(wanted)) throw new Error(`--type must be one of ${Object.keys(keyOfType).join(', ')}`)
  if (type === undefined || keyOfType[type] === keyOfType[wanted]) return wanted
  throw new Error(`HASURA_GRAPHQL_JWT_SECRET has type ${type}: take it out there before a key for ${wanted} comes`)
}

/** The new key is in use whether or not an old file goes. */
function remove (path: string): string {
  try {
    rmSync(path)
    return `${path} is deleted.`
  } catch (error) {
    return `${path} could not be deleted: ${String((error as NodeJS.ErrnoException).code)}`
  }
}

interface Values { type?: string | undefined, spread?: string | undefined, delete?: boolean | undefined }

/**
 * Adds a key to a folder.
 *
 * @returns what has happened, and when what will
 * @throws Error, before anything is written
 */
export async function rotateFolder (folder: string, values: Values, env: Environment): Promise<string> {
  const maxAge = setting(env, 'JWKS_MAX_AGE_SECONDS')
  const lifetime = setting(env, 'ACCESS_TOKEN_TTL_SECONDS')
  const spread = secondsOf(values.spread ?? '120', '--spread', 0, 86_400)
  const { type, skew, text } = configured(env)
  const spans = { maxAge: maxAge.seconds, lifetime: lifetime.seconds + skew, spread }
  const rotation = await planRotation(folder, { ...spans, type: typeOf(values.type, type) })
  const lines = [
    `${join(folder, rotation.name)} is a new key for ${rotation.type}, with the kid ${rotation.kid}.`,
    `It signs from ${new Date(rotation.start).toISOString()} on: ${spread} seconds for the file to reach every replica`,
    `(--spread), and twice ${maxAge.seconds} for every verifier to fetch it (JWKS_MAX_AGE_SECONDS).`,
    `Until then ${join(folder, rotation.signing)} signs, whose last token expires ${lifetime.seconds} seconds later`,
    `(ACCESS_TOKEN_TTL_SECONDS): it may be deleted from ${new Date(rotation.end).toISOString()} on.`,
    `That goes by ${maxAge.text}, ${lifetime.text} and ${text}.`
  ]
  writeKey(folder, rotation.name, rotation.pem)
  const expired = rotation.expired.map(name => join(folder, name))
  return [...lines, ...expired.map(path => values.delete ? remove(path) : `${path} may be deleted now (--delete).`)].join('\n')
}
