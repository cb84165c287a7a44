import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { TokenUserFragment } from '../generated/operations.ts'
import { toHasuraClaims } from './custom-claims.ts'
import type { CustomClaims } from './custom-claims.ts'
import { isStringOrUri } from './jwt-secret.ts'
import { openSigningKeys } from './signing-keys.ts'
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
      publicKeys: SigningKeys['publicKeys']
    }
  }
}

/** The `sub` of a user. Ids are text if the column is, whatever the generated type says. */
function subjectOf ({ id }: { id: unknown }): string {
  if (typeof id === 'number' && !Number.isSafeInteger(id)) {
    throw new Error('The user\'s id is beyond 2^53, which JSON does not carry exactly: '
      + 'set HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true, so that Hasura sends it as text')
  }
  if (isStringOrUri(String(id))) return String(id)
  throw new Error('The user\'s id has a colon and is not a URI: Hasura refuses such a "sub"')
}

interface JwtOptions {
  /** The claims of a user beyond Hasura's own three: `claimsOf` of `src/claims.ts`. */
  claimsOf: (user: TokenUserFragment) => CustomClaims
}

/** `fastify.jwt`: signs tokens that Hasura accepts with the same `HASURA_GRAPHQL_JWT_SECRET`. */
async function jwt (fastify: FastifyInstance, { claimsOf }: JwtOptions): Promise<void> {
  const { HASURA_GRAPHQL_JWT_SECRET: secret } = fastify.parsed
  const { sign, publicKeys } = await openSigningKeys(fastify)

  function signFor (user: TokenUserFragment, sessionId?: string): string {
    const sub = subjectOf(user)
    return sign(secret.addClaims({ ...secret.fixed, sub, jti: randomUUID() }, {
      ...toHasuraClaims(claimsOf(user)),
      'x-hasura-allowed-roles': Array.from(new Set([user.default_role, ...user.roles.map(({ role }) => role)])),
      'x-hasura-default-role': user.default_role,
      'x-hasura-user-id': sub,
      ...(sessionId !== undefined && { 'x-hasura-session-id': sessionId })
    }))
  }
  fastify.decorate('jwt', { sign: signFor, publicKeys })
}

export default fp(jwt, { name: 'jwt', fastify: '5.x', dependencies: ['config'] })
