import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { TokenUserFragment } from '../generated/operations.ts'
import { refuseRoundedNumber, toHasuraClaims } from './custom-claims.ts'
import type { CustomClaims } from './custom-claims.ts'
import { isStringOrUri } from './jwt-secret.ts'
import { openKeyPath } from './signing-keys.ts'
import type { SigningKeys } from './signing-keys.ts'

declare module 'fastify' {
  interface FastifyInstance {
    jwt: {
      /**
       * Signs an access token (RFC 7519, compact serialization) that lives for `ACCESS_TOKEN_TTL_SECONDS`.
       *
       * @param sessionId - becomes the claim `x-hasura-session-id`
       * @throws Error if Hasura would refuse the id or a claim
       */
      sign: (user: TokenUserFragment, sessionId?: string) => string
      /** Throws what `sign` would throw. */
      check: (user: TokenUserFragment, sessionId?: string) => void
      publicKeys: SigningKeys['publicKeys']
    }
  }
}

/** The `sub` of a user. Ids are text if the column is, whatever the generated type says. */
function subjectOf ({ id }: { id: unknown }): string {
  refuseRoundedNumber(id, 'The user\'s id')
  if (isStringOrUri(String(id))) return String(id)
  throw new Error('The user\'s id has a colon and is not a URI: Hasura refuses such a "sub"')
}

type ClaimsOf = (user: TokenUserFragment) => CustomClaims

/**
 * `fastify.jwt`: signs tokens that Hasura accepts with the same `HASURA_GRAPHQL_JWT_SECRET`.
 *
 * @param options.claimsOf - the custom claims of a user: the function of `src/claims.ts`
 */
async function jwt (fastify: FastifyInstance, { claimsOf }: { claimsOf: ClaimsOf }): Promise<void> {
  const { HASURA_GRAPHQL_JWT_SECRET: secret, JWT_PRIVATE_KEY: source } = fastify.parsed
  const { ACCESS_TOKEN_TTL_SECONDS: ttlSeconds, UNVERIFIED_ROLE: unverifiedRole } = fastify.config
  const { sign, publicKeys } = 'path' in source ? await openKeyPath(fastify, source) : source

  function payloadOf (found: TokenUserFragment, sessionId?: string) {
    // Until the email is verified, `UNVERIFIED_ROLE` is the only role, also for custom claims.
    const isRestricted = unverifiedRole !== undefined && found.email_verified_at === null
    const user = isRestricted ? { ...found, default_role: unverifiedRole, roles: [] } : found
    const sub = subjectOf(user)
    // Rounded down: Hasura refuses an `iat` in the future.
    const iat = Math.floor(Date.now() / 1000)
    return secret.toPayload({ sub, iat, exp: iat + ttlSeconds, jti: randomUUID() }, {
      ...toHasuraClaims(claimsOf(user)),
      'x-hasura-allowed-roles': Array.from(new Set([user.default_role, ...user.roles.map(({ role }) => role)])),
      'x-hasura-default-role': user.default_role,
      'x-hasura-user-id': sub,
      ...(sessionId !== undefined && { 'x-hasura-session-id': sessionId })
    })
  }
  fastify.decorate('jwt', { sign: (...user) => sign(payloadOf(...user)), check: payloadOf, publicKeys })
}

export default fp(jwt, { name: 'jwt', fastify: '5.x', dependencies: ['config'] })
