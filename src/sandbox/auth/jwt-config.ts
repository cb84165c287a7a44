import { createPublicKey, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { parsePath } from './claims-path.ts'
import type { Path } from './claims-path.ts'

/** The minimum length of an HMAC key in bytes, by algorithm. */
export const minimumHmacBytes: Record<string, number> = { HS256: 32, HS384: 48, HS512: 64 }
const asymmetric = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'Ed25519']

/** RFC 3986: splits by appendix B and checks the characters of each part. */
function isUri (value: string): boolean {
  const [, scheme = '', , authority = '', path = '', query = '', fragment = ''] = (
    /^([a-z][a-z0-9+.-]*):(\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(value) ?? []
  )
  const [host = '', user = ''] = authority.split('@').toReversed()
  const name = host.replace(/:\d*$/, '').replace(/^\[[0-9a-f.:]+\]$/i, '')
  const isClean = (part: string): boolean => /^[\w.~:/?@!$&'()*+,;=-]*$/.test(part.replaceAll(/%[0-9a-f]{2}/gi, ''))
  return scheme !== '' && authority.split('@').length < 3 && !name.includes(':')
    && [name, user, path, query.slice(1), fragment.slice(1)].every(isClean)
}

/** RFC 7519, section 2: a StringOrURI with a colon in it must be a URI. */
export function isJwtStringOrUri (value: unknown): value is string {
  return typeof value === 'string' && (!value.includes(':') || isUri(value))
}

const stringOrUri = z.string().refine(isJwtStringOrUri, 'invalid URI')
const role = z.string().min(1)

/** A literal, or a path with a default for a missing claim. */
function mapped<Schema extends z.ZodType> (schema: Schema, error?: string) {
  const path = z.object({ path: z.string().transform(parsePath), default: schema.nullish() })
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
  claims_namespace_path: z.string().optional(),
  claims_format: z.enum(['json', 'stringified_json']).optional(),
  claims_map: claimsMap.optional(),
  audience: z.union([stringOrUri, z.array(stringOrUri)]).optional(),
  issuer: stringOrUri.optional(),
  allowed_skew: z.int().default(0),
  header: place.default({ type: 'authorization', name: '' })
})

export type ClaimsMap = z.output<typeof claimsMap>
export type TokenPlace = z.output<typeof place>

export interface JwtConfig {
  keys: KeyObject[] | { url: string }
  /** Where Hasura's claims are, and Hasura's messages about that place. */
  namespace: { path: Path, place: string, notFound: string }
  isStringified: boolean
  map: ClaimsMap | undefined
  audience: string[] | undefined
  issuer: string | undefined
  skew: number
  place: TokenPlace
}

function readPem (pem: string): KeyObject {
  const [first, label = ''] = /-----BEGIN ([^-]+)-----[\s\S]*?-----END \1-----/.exec(pem) ?? []
  if (first === undefined) throw new Error('Invalid JWK: Could not decode PEM: No pem found')
  if (!['PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE'].includes(label)) {
    throw new Error('Invalid JWK: Could not decode PEM: This key type is not supported')
  }
  try {
    return createPublicKey(first)
  } catch {
    throw new Error('Invalid JWK: Could not decode PEM: This key type is not supported')
  }
}

function readKey (type: unknown, key: string | undefined): KeyObject {
  if (key === undefined) throw new Error('HASURA_GRAPHQL_JWT_SECRET: key and jwk_url both cannot be empty')
  const bytes = minimumHmacBytes[String(type)]
  if (bytes === undefined) {
    if (asymmetric.includes(String(type))) return readPem(key)
    throw new Error(`Invalid JWK: Key type: ${String(type)} is not supported`)
  }
  if (Buffer.byteLength(key) >= bytes) return createSecretKey(key, 'utf8')
  throw new Error(`Invalid JWK: Key size too small; should be atleast ${bytes} characters`)
}

function parse (text: string): z.infer<typeof schema> {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch {
    // The parser's message would quote the secret.
  }
  if (typeof config !== 'object' || config === null) throw new Error('HASURA_GRAPHQL_JWT_SECRET is not a JSON object')
  // Hasura treats null like a missing key.
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null))
  const { data, error } = schema.safeParse(given)
  if (data !== undefined) return data
  const [issue] = error.issues
  if (issue?.code === 'unrecognized_keys') {
    throw new Error(`The sandbox does not support this "${String(issue.keys[0])}" in HASURA_GRAPHQL_JWT_SECRET`)
  }
  throw new Error(`HASURA_GRAPHQL_JWT_SECRET: ${String(issue?.path.join('.'))}: ${String(issue?.message)}`)
}

/**
 * Reads Hasura's JWT configuration as Hasura does.
 *
 * @throws Error if Hasura would not start with it, or the sandbox does not support a key
 */
export function parseJwtConfig (text: string): JwtConfig {
  const config = parse(text)
  const { key, jwk_url: url, claims_namespace_path: path, audience } = config
  const { claims_namespace: name = 'https://hasura.io/jwt/claims' } = config
  const both = path !== undefined && config.claims_namespace !== undefined
  if (both) throw new Error('claims_namespace and claims_namespace_path both cannot be set')
  if (key !== undefined && url !== undefined) throw new Error('HASURA_GRAPHQL_JWT_SECRET: key, jwk_url both cannot be present')
  return {
    keys: url === undefined ? [readKey(config.type, key)] : { url },
    namespace: path === undefined
      ? { path: [name], place: `claims_namespace ${name}`, notFound: `claims key: '${name}' not found` }
      : {
          path: parsePath(path),
          place: `claims_namespace_path ${path}`,
          notFound: `claims not found at claims_namespace_path: '${path}'`
        },
    isStringified: config.claims_format === 'stringified_json',
    map: config.claims_map,
    audience: audience === undefined ? undefined : [audience].flat(),
    issuer: config.issuer,
    // hs-jose, Hasura's library, ignores the sign.
    skew: Math.abs(config.allowed_skew),
    place: config.header
  }
}
