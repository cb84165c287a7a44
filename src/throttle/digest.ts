import { createHmac, hkdfSync } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * A keyed digest of an email or an address, for logs and counters: the same on every replica. A plain hash would
     * not hide an email, because an attacker can hash every likely one.
     *
     * @returns 22 characters of base64url
     */
    digest: (text: string) => string
  }
}

async function digest (fastify: FastifyInstance): Promise<void> {
  const { HASURA_GRAPHQL_JWT_SECRET, HASURA_GRAPHQL_ADMIN_SECRET, ACTION_SECRET } = fastify.config
  // Every replica has these secrets. A short one could be guessed from the digest of a known email, so all of them
  // are used. The private key is not, because it is rotated.
  const secret = JSON.stringify([HASURA_GRAPHQL_JWT_SECRET, HASURA_GRAPHQL_ADMIN_SECRET, ACTION_SECRET])
  // RFC 5869.
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'hasura-jwt-auth', 32))

  fastify.decorate('digest', text => createHmac('sha256', key).update(text).digest('base64url').slice(0, 22))
}

export default fp(digest, { name: 'digest', fastify: '5.x', dependencies: ['config'] })
