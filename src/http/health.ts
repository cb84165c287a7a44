import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'
import { ActionError } from '../errors.ts'
import { ReadyDocument } from '../generated/operations.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Begins the end: `/readyz` fails from now on, so that no new connections are sent here, and every answer closes
     * its connection. Requests are answered until `close` has ended.
     */
    drain: () => void
  }
}

/** Milliseconds for which an answer of Hasura stands, so that many probes cost no more than one. */
const freshness = 1000

/** `GET /healthz`, true while the process runs; `GET /readyz`, true only while sign-in can work. */
async function readiness (fastify: FastifyInstance): Promise<void> {
  let isDraining = false
  let isReady = true
  let checkedAt = -Infinity
  let checking: Promise<void> | undefined

  async function check (): Promise<void> {
    try {
      await fastify.hasura.request(ReadyDocument, {})
      if (!isReady) fastify.log.info('ready again')
      isReady = true
    } catch (error) {
      if (isReady) fastify.log.error({ err: error }, 'not ready')
      isReady = false
    } finally {
      checkedAt = performance.now()
      checking = undefined
    }
  }

  new Gauge({
    registers: [fastify.metrics],
    name: 'hasura_jwt_auth_ready',
    help: '1 while sign-in can work by the last answer to /readyz, else 0',
    collect () { this.set(isReady && !isDraining ? 1 : 0) }
  })

  fastify.decorate('drain', () => { isDraining = true })
  fastify.addHook('preClose', async () => { isDraining = true })
  // A kept-alive connection that is busy when the server closes would else hold the process for as long as it is idle.
  fastify.addHook('onSend', async (_request, reply) => { if (isDraining) void reply.header('connection', 'close') })

  fastify.get('/healthz', () => ({ status: 'ok' }))

  fastify.get('/readyz', async () => {
    if (!isDraining && performance.now() - checkedAt > freshness) await (checking ??= check())
    if (isDraining) throw new ActionError('not-ready', 'The service is shutting down')
    if (isReady) return { status: 'ok' }
    throw new ActionError('not-ready', 'Hasura does not answer, refuses the admin secret or has no table of users')
  })
}

export default fp(readiness, { name: 'readiness', fastify: '5.x', dependencies: ['hasura', 'metrics'] })
