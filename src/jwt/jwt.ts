import { randomUUID } from 'node:crypto'
import type { JsonWebKey } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { JsonWebToken } from '../generated/actions.ts'
import type { TokenUserFragment } from '../generated/operations.ts'
import { toHasuraClaims } from './custom-claims.ts'
import type { CustomClaims } from './custom-claims.ts'
import { readJwtSecret } from './jwt-secret.ts'
import { openKeys } from './open-keys.ts'
import { isStringOrUri } from './string-or-uri.ts'

/** What a token says of a user. */
export interface Subject {
  id: number | string
  defaultRole: string
  /** Roles beyond the default one, in any order. */
  roles: string[]
  /** Further `x-hasura-*` claims by their names in lower case, none of them one of the three above. */
  claims: Record<string, string>
}

declare module 'fastify' {
  interface FastifyInstance {
    jwt: {
      /**
       * Signs an access token that lives for `ACCESS_TOKEN_TTL_SECONDS` (RFC 7519, compact form).
       *
       * @throws Error where Hasura would refuse the id, JSON.parse has rounded it, or a claim does not fit `claims_map`
       */
      sign: (subject: Subject) => string
      /** The keys that tokens are to be verified with (RFC 7517); undefined where Hasura has the secret itself. */
      publicKeys: (() => JsonWebKey[]) | undefined
    }
    /**
     * Makes the tokens of a user, for every action that signs a user in.
     *
     * @throws Error if Hasura would refuse the id or a claim
     */
    issueTokens: (user: TokenUserFragment) => JsonWebToken
  }
}

interface JwtOptions {
  /** The claims of a user beyond Hasura's own three: `claimsOf` of `src/claims.ts`. */
  claimsOf: (user: TokenUserFragment) => CustomClaims
}

/** `fastify.jwt`: signs the tokens that Hasura accepts with the same `HASURA_GRAPHQL_JWT_SECRET`. */
async function jwt (fastify: FastifyInstance, { claimsOf }: JwtOptions): Promise<void> {
  const secret = readJwtSecret(fastify.config.HASURA_GRAPHQL_JWT_SECRET)
  const { sign, published, close } = await openKeys(fastify.config, secret, fastify.log)
  fastify.addHook('onClose', async () => { close() })

  function signSubject ({ id, defaultRole, roles, claims }: Subject): string {
    if (typeof id === 'number' && !Number.isSafeInteger(id)) {
      throw new Error('The user\'s id is beyond 2^53, which JSON does not carry exactly: let Hasura send it as text, '
        + 'with HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true')
    }
    if (!isStringOrUri(String(id))) {
      throw new Error('The user\'s id has a colon and is no URI: Hasura refuses a token with such a "sub"')
    }
    return sign(secret.place({ ...secret.fixed, sub: String(id), jti: randomUUID() }, {
      ...claims,
      // Every x-hasura-* value must be a string but for the list of roles.
      'x-hasura-allowed-roles': [...new Set([defaultRole, ...roles])],
      'x-hasura-default-role': defaultRole,
      'x-hasura-user-id': String(id)
    }))
  }

  fastify.decorate('jwt', { publicKeys: published, sign: signSubject })
  fastify.decorate('issueTokens', (user) => {
    const roles = user.roles.map(({ role }) => role)
    const claims = toHasuraClaims(claimsOf(user))
    return { token: signSubject({ id: user.id, defaultRole: user.default_role, roles, claims }) }
  })
}

export default fp(jwt, { name: 'jwt', fastify: '5.x', dependencies: ['config'] })
