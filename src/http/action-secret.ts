import { hash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * An onRequest hook that lets only Hasura in: the header `x-hasura-action-secret` must be `ACTION_SECRET` or
     * `ACTION_SECRET_PREVIOUS`. Clients cannot set it, because Hasura does not forward their `x-hasura-` headers.
     *
     * @throws ActionError `access-denied`, before the body is read
     */
    checkActionSecret: (request: FastifyRequest) => Promise<void>
  }
}

/** `timingSafeEqual` needs equal lengths. Comparing digests does not reveal the length of the secret either. */
function sha256 (secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

async function actionSecret (fastify: FastifyInstance): Promise<void> {
  const { ACTION_SECRET, ACTION_SECRET_PREVIOUS } = fastify.config
  const accepted = [ACTION_SECRET, ACTION_SECRET_PREVIOUS].filter(secret => secret !== undefined).map(sha256)

  fastify.decorate('checkActionSecret', async (request) => {
    if (ACTION_SECRET === undefined) return
    const sent = sha256(String(request.headers['x-hasura-action-secret'] ?? ''))
    // Both are compared, so that the time does not reveal which of them matches.
    if (accepted.filter(secret => timingSafeEqual(secret, sent)).length > 0) return
    throw new ActionError('access-denied', 'The x-hasura-action-secret header is missing or wrong')
  })
}

export default fp(actionSecret, { name: 'action-secret', fastify: '5.x', dependencies: ['config'] })
