import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { parseJsonPath } from '../../jwt/json-path.ts'
import { isStringOrUri } from '../../jwt/jwt-secret.ts'
import { hmacBytes, isHmacType, isPairType, readPublicKey } from '../../jwt/key-pair.ts'
import { parseObject } from '../json.ts'

const stringOrUri = z.string().refine(isStringOrUri, 'invalid URI')
const role = z.string().min(1)

const jsonPath = z.string().transform((text) => {
  const steps = parseJsonPath(text)
  if (steps === undefined) throw new Error(`HASURA_GRAPHQL_JWT_SECRET: invalid JSON path ${text}`)
  return { text, steps }
})

/** A literal, or a path with a default for a missing claim. */
function mapped<Schema extends z.ZodType> (schema: Schema, error?: string) {
  const path = z.object({ path: jsonPath, default: schema.nullish() })
  return z.union([schema, path], { error: ({ input }) => (input === undefined ? error : undefined) })
}

/** The place where the client sends its token. */
const place = z.object({
  type: z.string().toLowerCase().pipe(
    z.enum(['authorization', 'cookie', 'customheader'], 'expected \'type\' is \'Authorization\' or \'Cookie\' or \'CustomHeader\'')
  ),
  name: z.string().default('')
}).refine(({ type, name }) => type === 'authorization' || name !== '', 'the header has no name')

const claimsMap = z.object({
  'x-hasura-allowed-roles': mapped(z.array(role), 'x-hasura-allowed-roles is expected but not found'),
  'x-hasura-default-role': mapped(role, 'x-hasura-default-role is expected but not found')
}).catchall(mapped(z.string()))

const schema = z.strictObject({
  type: z.unknown().optional(),
  key: z.string().optional(),
  jwk_url: z.url({ protocol: /^https?$/ }).optional(),
  claims_namespace: z.string().optional(),
  claims_namespace_path: jsonPath.optional(),
  claims_format: z.enum(['json', 'stringified_json']).default('json'),
  claims_map: claimsMap.optional(),
  audience: z.union([stringOrUri, z.array(stringOrUri)]).transform(audience => [audience].flat()).optional(),
  issuer: stringOrUri.optional(),
  // hs-jose, Hasura's library, ignores the sign.
  allowed_skew: z.int().transform(Math.abs).default(0),
  header: place.default({ type: 'authorization', name: '' })
})

export type ClaimsMap = z.output<typeof claimsMap>
export type TokenPlace = z.output<typeof place>
export type JwtConfig = z.output<typeof schema> & { keys: KeyObject[] | { url: string } }

function readKey (type: unknown, key: string): KeyObject {
  if (isHmacType(type)) {
    if (Buffer.byteLength(key) >= hmacBytes[type]) return createSecretKey(key, 'utf8')
    throw new Error(`Invalid JWK: Key size too small; should be atleast ${hmacBytes[type]} characters`)
  }
  if (!isPairType(type)) throw new Error(`Invalid JWK: Key type: ${String(type)} is not supported`)
  return readPublicKey(key, (problem) => {
    const reason = problem.startsWith('holds no PEM') ? 'No pem found' : 'This key type is not supported'
    throw new Error(`Invalid JWK: Could not decode PEM: ${reason}`)
  })
}

function readKeys ({ type, key, jwk_url: url }: z.output<typeof schema>): JwtConfig['keys'] {
  if (key !== undefined && url === undefined) return [readKey(type, key)]
  if (key === undefined && url !== undefined) return { url }
  const problem = url === undefined ? 'key and jwk_url both cannot be empty' : 'key, jwk_url both cannot be present'
  throw new Error(`HASURA_GRAPHQL_JWT_SECRET: ${problem}`)
}

/**
 * Reads Hasura's JWT configuration as Hasura does.
 *
 * @throws Error if Hasura would not start with it, or the sandbox does not support a key
 */
export function parseJwtConfig (text: string): JwtConfig {
  const given = parseObject(text)
  if (given === undefined) throw new Error('HASURA_GRAPHQL_JWT_SECRET is not a JSON object')
  // Hasura treats null like a missing key.
  const set = Object.entries(given).filter(([, value]) => value !== null)
  const { data, error } = schema.safeParse(Object.fromEntries(set))
  const [issue] = error?.issues ?? []
  if (issue?.code === 'unrecognized_keys') {
    throw new Error(`The sandbox does not support this "${String(issue.keys[0])}" in HASURA_GRAPHQL_JWT_SECRET`)
  }
  if (data === undefined) {
    throw new Error(`HASURA_GRAPHQL_JWT_SECRET: ${String(issue?.path.join('.'))}: ${String(issue?.message)}`)
  }
  if (data.claims_namespace !== undefined && data.claims_namespace_path !== undefined) {
    throw new Error('claims_namespace and claims_namespace_path both cannot be set')
  }
  return { ...data, keys: readKeys(data) }
}
