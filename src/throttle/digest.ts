import { createHmac, hkdfSync } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { readJwtSecret } from '../jwt/jwt-secret.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * A keyed digest of an email or an address, for logs and counters: equal for equal texts, on every replica, and
     * useless to whoever reads it, because a plain hash of an email is found by trying the emails that there are.
     *
     * @returns 22 characters of base64url
     */
    digest: (text: string) => string
  }
}

async function digest (fastify: FastifyInstance): Promise<void> {
  const { HASURA_GRAPHQL_JWT_SECRET, HASURA_GRAPHQL_ADMIN_SECRET, ACTION_SECRET } = fastify.config
  // Every replica has this secret, and its key has 32 bytes or more: unlike a short one it cannot be found by trying
  // secrets until the digest of an email that one knows comes out. With a public key or a URL there is no secret in it,
  // and private keys are replaced.
  const isSecret = 'secret' in readJwtSecret(HASURA_GRAPHQL_JWT_SECRET).keys
  const secret = isSecret ? HASURA_GRAPHQL_JWT_SECRET : JSON.stringify([HASURA_GRAPHQL_ADMIN_SECRET, ACTION_SECRET])
  // RFC 5869.
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'hasura-jwt-auth', 32))

  fastify.decorate('digest', text => createHmac('sha256', key).update(text).digest('base64url').slice(0, 22))
}

export default fp(digest, { name: 'digest', fastify: '5.x', dependencies: ['config'] })
