import { hash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * An onRequest hook that lets only Hasura in: the header `x-hasura-action-secret` must be `ACTION_SECRET`, or
     * `ACTION_SECRET_PREVIOUS` during a rotation. Hasura strips headers of that prefix from its clients' requests.
     *
     * @throws ActionError `access-denied`, before the body is read
     */
    checkActionSecret: (request: FastifyRequest) => Promise<void>
  }
}

/** Digests have one length, which timingSafeEqual needs, and so the length of a secret does not leak either. */
function digest (secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

async function actionSecret (fastify: FastifyInstance): Promise<void> {
  const { ACTION_SECRET, ACTION_SECRET_PREVIOUS } = fastify.config
  const accepted = [ACTION_SECRET, ACTION_SECRET_PREVIOUS].filter(secret => secret !== undefined).map(digest)

  fastify.decorate('checkActionSecret', async (request) => {
    if (ACTION_SECRET === undefined) return
    const sent = digest(String(request.headers['x-hasura-action-secret'] ?? ''))
    // Every accepted secret is compared, so that time does not tell which one it was.
    if (accepted.filter(secret => timingSafeEqual(secret, sent)).length > 0) return
    throw new ActionError('access-denied', 'The x-hasura-action-secret header is missing or wrong')
  })
}

export default fp(actionSecret, { name: 'action-secret', fastify: '5.x', dependencies: ['config'] })
