import { randomUUID } from 'node:crypto'
import { createSigner } from 'fast-jwt'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ConfigError } from './config.ts'

/** What a token says of a user. */
export interface Subject {
  id: number
  defaultRole: string
  /** Roles beyond the default one, in any order. */
  roles: string[]
}

declare module 'fastify' {
  interface FastifyInstance {
    jwt: {
      /** Signs an access token that lives for `ACCESS_TOKEN_TTL_SECONDS` (RFC 7519, compact form). */
      sign: (subject: Subject) => string
    }
  }
}

/** Smallest HMAC key in bytes: Hasura does not start with a shorter one (RFC 7518, section 3.2). */
const smallestKey = { HS256: 32, HS384: 48, HS512: 64 } as const

type Algorithm = keyof typeof smallestKey

/** Hasura's types that this service cannot sign for: they need a private key beside the public one in the JSON. */
const asymmetric = ['RS256', 'RS384', 'RS512', 'Ed25519', 'ES256', 'ES384', 'ES512']

/** Keys of Hasura's JSON that change the shape of a token in a way that this service does not write. */
const unsupported = ['jwk_url', 'claims_namespace_path', 'claims_map'] as const

interface JwtSecret {
  algorithm: Algorithm
  key: string
  namespace: string
  issuer: string | undefined
  audience: string | string[] | undefined
}

function refuse (problem: string): never {
  throw new ConfigError('HASURA_GRAPHQL_JWT_SECRET', problem)
}

function parseObject (json: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The parser's message quotes the value.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return refuse('is not a JSON object: use Hasura\'s own form, {"type":"HS256","key":"<at least 32 characters>"}')
}

function isAudience (value: unknown): value is JwtSecret['audience'] {
  if (Array.isArray(value)) return value.every(item => typeof item === 'string')
  return value === undefined || typeof value === 'string'
}

/**
 * Reads Hasura's JWT configuration, refusing what Hasura refuses. The key is the raw string in UTF-8, not base64.
 *
 * @throws ConfigError
 */
function parseJwtSecret (json: string): JwtSecret {
  const secret = parseObject(json)
  for (const name of unsupported) {
    if (secret[name] !== undefined) refuse(`has "${name}", which this service does not support: take it out on both sides`)
  }
  const { type, key, claims_namespace: namespace = 'https://hasura.io/jwt/claims', issuer, audience } = secret
  if (typeof type !== 'string') refuse('has no "type": use HS256, HS384 or HS512')
  if (asymmetric.includes(type)) refuse(`has type ${type}, which this service does not sign with: use HS256, HS384 or HS512`)
  if (!Object.hasOwn(smallestKey, type)) refuse('has a "type" that Hasura does not know: use HS256, HS384 or HS512')
  const algorithm = type as Algorithm
  const bytes = smallestKey[algorithm]
  if (typeof key !== 'string') refuse(`has no "key": it must be a string of at least ${bytes} bytes`)
  if (Buffer.byteLength(key) < bytes) refuse(`has a "key" that is too short: ${type} needs at least ${bytes} bytes`)
  if (typeof namespace !== 'string') refuse('has a "claims_namespace" that is not a string')
  if ((secret['claims_format'] ?? 'json') !== 'json') refuse('has a "claims_format" that this service does not write: use json')
  if (issuer !== undefined && typeof issuer !== 'string') refuse('has an "issuer" that is not a string')
  if (!isAudience(audience)) refuse('has an "audience" that is neither a string nor a list of strings')
  return { algorithm, key, namespace, issuer, audience }
}

/** `fastify.jwt`: signs the tokens that Hasura accepts with the same `HASURA_GRAPHQL_JWT_SECRET`. */
async function jwt (fastify: FastifyInstance): Promise<void> {
  const { algorithm, key, namespace, issuer, audience } = parseJwtSecret(fastify.config.HASURA_GRAPHQL_JWT_SECRET)
  const lifetime = fastify.config.ACCESS_TOKEN_TTL_SECONDS
  // In milliseconds; `iat` is rounded down: Hasura refuses one that is in the future by any part of a second.
  const signer = createSigner({ key, algorithm, expiresIn: lifetime * 1000 })

  fastify.decorate('jwt', {
    sign ({ id, defaultRole, roles }) {
      return signer({
        ...(issuer !== undefined && { iss: issuer }),
        ...(audience !== undefined && { aud: audience }),
        sub: String(id),
        jti: randomUUID(),
        // Every x-hasura-* value must be a string but for the list of roles.
        [namespace]: {
          'x-hasura-allowed-roles': [...new Set([defaultRole, ...roles])],
          'x-hasura-default-role': defaultRole,
          'x-hasura-user-id': String(id)
        }
      })
    }
  })
}

export default fp(jwt, { name: 'jwt', fastify: '5.x', dependencies: ['config'] })
