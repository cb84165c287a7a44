import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { accessTokenDefault, configSchema } from '../../config.ts'
import type { Environment } from '../../config.ts'
import { readJwtSecret } from '../../jwt/jwt-secret.ts'
import { isPairType, keyOfType } from '../../jwt/key-pair.ts'
import type { PairType } from '../../jwt/key-pair.ts'
import { planRotation, writeKey } from './folder.ts'

function readSeconds (text: string, name: string, minimum: number, maximum: number): number {
  const seconds = Number(text)
  if (/^\d+$/.test(text) && seconds >= minimum && seconds <= maximum) return seconds
  throw new Error(`${name} must be a number of seconds from ${minimum} to ${maximum}`)
}

function readVariable (env: Environment, name: 'JWKS_MAX_AGE_SECONDS' | 'ACCESS_TOKEN_TTL_SECONDS') {
  const { default: common, minimum, maximum } = configSchema.properties[name]
  const default_ = name === 'ACCESS_TOKEN_TTL_SECONDS' ? accessTokenDefault(env) : common
  const seconds = readSeconds(env[name] || String(default_), name, minimum, maximum)
  return { seconds, text: `${name}=${seconds} (${env[name] ? 'set' : 'the default'})` }
}

/** What the service's own configuration says, if it is in the environment. */
function readSecret ({ HASURA_GRAPHQL_JWT_SECRET: json }: Environment) {
  if (!json) return { type: undefined, skew: 0, text: 'allowed_skew=0 (HASURA_GRAPHQL_JWT_SECRET is not set)' }
  const { keys, allowedSkewSeconds: skew } = readJwtSecret(json, {})
  if ('url' in keys) return { type: keys.type, skew, text: `allowed_skew=${skew}` }
  throw new Error('HASURA_GRAPHQL_JWT_SECRET has no "jwk_url": Hasura would accept no other key than its own')
}

function readType (wanted: string | undefined, type: PairType | undefined): PairType | undefined {
  if (wanted === undefined) return type
  if (!isPairType(wanted)) throw new Error(`--type must be one of ${Object.keys(keyOfType).join(', ')}`)
  if (type === undefined || keyOfType[type] === keyOfType[wanted]) return wanted
  throw new Error(`HASURA_GRAPHQL_JWT_SECRET has type ${type}: remove it there before you add a key for ${wanted}`)
}

interface Values { type?: string | undefined, spread?: string | undefined, delete?: boolean | undefined }

/**
 * Adds a key to a folder, and deletes expired ones if `values.delete` is set.
 *
 * @returns the text to print: when the new key starts to sign, and which files are no longer needed
 * @throws Error before the new key is written
 */
export async function rotateFolder (folder: string, values: Values, env: Environment): Promise<string> {
  const maxAge = readVariable(env, 'JWKS_MAX_AGE_SECONDS')
  const lifetime = readVariable(env, 'ACCESS_TOKEN_TTL_SECONDS')
  const spread = readSeconds(values.spread ?? '120', '--spread', 0, 86_400)
  const { type, skew, text } = readSecret(env)
  const rotation = await planRotation(folder, {
    maxAge: maxAge.seconds, lifetime: lifetime.seconds + skew, spread, type: readType(values.type, type)
  })
  const expired = rotation.expired.map(name => join(folder, name))
  if (values.delete) for (const path of expired) rmSync(path)
  writeKey(folder, rotation.name, rotation.pem)
  return [
    `${join(folder, rotation.name)} is a new key for ${rotation.type}. Its kid is ${rotation.kid}.`,
    `It signs from ${new Date(rotation.start).toISOString()} on. Until then, the file has ${spread} seconds to reach every`,
    `replica (--spread), and verifiers have twice ${maxAge.seconds} seconds to fetch the key (JWKS_MAX_AGE_SECONDS).`,
    `${join(folder, rotation.signing)} signs until then. Its last token expires ${lifetime.seconds} seconds later`,
    `(ACCESS_TOKEN_TTL_SECONDS). You can delete the file from ${new Date(rotation.end).toISOString()} on.`,
    `These times come from ${maxAge.text}, ${lifetime.text} and ${text}.`,
    ...expired.map(path => values.delete ? `${path} is deleted.` : `${path} is no longer needed: delete it, or use --delete.`)
  ].join('\n')
}
