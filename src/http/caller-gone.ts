import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborted when the connection closes before the answer is sent. */
    callerGone: AbortSignal
  }
}

/** `request.callerGone`. Fastify's own `request.signal` is also aborted for a POST whose caller stays. */
async function callerGone (fastify: FastifyInstance): Promise<void> {
  fastify.decorateRequest('callerGone')
  fastify.addHook('onRequest', async (request, { raw: response }) => {
    const controller = new AbortController()
    request.callerGone = controller.signal
    let isSent = false
    response.once('finish', () => { isSent = true })
    response.once('close', () => { if (!isSent) controller.abort() })
  })
}

export default fp(callerGone, { name: 'caller-gone', fastify: '5.x' })
