import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Histogram } from 'prom-client'
import { errorCodes } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { buckets } from '../metrics.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The path of the action, on the routes of actions. */
    action?: string
  }
  interface FastifyRequest {
    /** For the log line: a keyed digest of the email, the user's id, and the code of the error. */
    attempt: { account?: string, userId?: number | string, code?: ErrorCode }
  }
  interface FastifyInstance {
    /** Logs and counts a request that is refused before any hook runs. */
    logRefusal: (code: ErrorCode, status: number) => void
  }
}

/** The labels are actions and error codes: a small, fixed set that callers cannot extend. */
function createMetrics ({ metrics }: FastifyInstance) {
  const registers = [metrics]
  return {
    attempts: new Counter({
      registers,
      name: 'hasura_jwt_auth_attempts_total',
      help: 'Requests to an action by outcome: success, gone (the caller disconnected), or the code of the error',
      labelNames: ['action', 'outcome']
    }),
    duration: new Histogram({
      registers,
      buckets,
      name: 'hasura_jwt_auth_action_duration_seconds',
      help: 'Time from the request of an action to its answer',
      labelNames: ['action']
    }),
    refusals: new Counter({
      registers,
      name: 'hasura_jwt_auth_refusals_total',
      help: 'Requests to any path that were answered with a 4xx, by the code of the error',
      labelNames: ['reason']
    })
  }
}

/** Logs one line for each request, and counts it. */
async function requestLog (fastify: FastifyInstance): Promise<void> {
  const { attempts, duration, refusals } = createMetrics(fastify)

  // Prometheus' `rate()` does not see the first increment of a counter that did not exist before.
  fastify.addHook('onRoute', ({ config: { action } = {} }) => {
    if (action === undefined) return
    for (const outcome of ['success', 'gone', ...errorCodes]) attempts.inc({ action, outcome }, 0)
  })

  function finish ({ request, elapsedTime }: FastifyReply, outcome: string, result: object): void {
    const { method, routeOptions: { url: path = null, config: { action } }, attempt } = request
    const { account, userId, code } = attempt
    // Probes and scanners would fill the log. The metrics count the refusals, and health.ts logs changes of readiness.
    const level = action === undefined ? 'debug' : 'info'
    request.log[level]({ method, path, event: action, account, userId, code, outcome, ...result }, 'request')
    if (action === undefined) return
    attempts.inc({ action, outcome: code ?? outcome })
    duration.observe({ action }, elapsedTime / 1000)
  }

  fastify.decorateRequest('attempt')
  fastify.addHook('onRequest', async (request, reply) => {
    request.attempt = {}
    // Fastify's onResponse hook does not run for a caller that has disconnected.
    request.callerGone.addEventListener('abort', () => { finish(reply, 'gone', {}) }, { once: true })
  })
  fastify.addHook('onResponse', async (request, reply) => {
    const { statusCode: status, elapsedTime } = reply
    finish(reply, status < 400 ? 'success' : 'failure', { status, milliseconds: Math.round(elapsedTime) })
    if (status >= 400 && status < 500) refusals.inc({ reason: String(request.attempt.code) })
  })
  fastify.decorate('logRefusal', (code, status) => {
    fastify.log.debug({ code, outcome: 'failure', status }, 'request')
    refusals.inc({ reason: code })
  })
}

export default fp(requestLog, { name: 'request-log', fastify: '5.x', dependencies: ['metrics', 'caller-gone'] })
