import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** RFC 9110, section 13.1.2: a list of tags, compared weakly, or any tag. */
function hasTag (header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map(tag => tag.trim().replace(/^W\//, '')) ?? []
  return tags.includes(etag) || tags.includes('*')
}

/**
 * `/.well-known/jwks.json`: the public keys that verify tokens (RFC 7517, section 5), if there are any. It needs no
 * action secret. `Cache-Control` tells Hasura when to fetch it again: without it, Hasura does so every second or never.
 */
async function jwks (fastify: FastifyInstance): Promise<void> {
  const { config, jwt: { publicKeys } } = fastify
  if (publicKeys === undefined) return

  fastify.get('/.well-known/jwks.json', async (request, reply) => {
    const body = JSON.stringify({ keys: publicKeys() })
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
    void reply.headers({ 'cache-control': `public, max-age=${config.JWKS_MAX_AGE_SECONDS}`, etag })
    if (hasTag(request.headers['if-none-match'], etag)) return reply.code(304).send()
    return reply.type('application/json; charset=utf-8').send(body)
  })
}

export default fp(jwks, { name: 'jwks', fastify: '5.x', dependencies: ['config', 'jwt'] })
