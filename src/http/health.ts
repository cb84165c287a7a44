import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'
import { ActionError } from '../errors.ts'
import { ReadyDocument } from '../generated/operations.ts'

/** Milliseconds for which an answer of Hasura stands, so that many probes cost no more than one. */
const freshness = 1000

/** `GET /healthz`, true while the process runs; `GET /readyz`, true only while sign-in can work. */
async function readiness (fastify: FastifyInstance): Promise<void> {
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
    collect () { this.set(isReady && !fastify.isShuttingDown ? 1 : 0) }
  })

  fastify.get('/healthz', () => ({ status: 'ok' }))

  fastify.get('/readyz', async () => {
    if (!fastify.isShuttingDown && performance.now() - checkedAt > freshness) await (checking ??= check())
    if (fastify.isShuttingDown) throw new ActionError('not-ready', 'The service is shutting down')
    if (isReady) return { status: 'ok' }
    throw new ActionError('not-ready', 'Hasura does not answer, refuses the admin secret or has no table of users')
  })
}

export default fp(readiness, { name: 'readiness', fastify: '5.x', dependencies: ['hasura', 'metrics', 'shutdown'] })
