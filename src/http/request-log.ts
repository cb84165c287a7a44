import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Histogram } from 'prom-client'
import { errorCodes } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { buckets } from '../metrics.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The name of the action in lower case, on the routes that are one. */
    action?: string
  }
  interface FastifyRequest {
    /** For the log line of the request: whose account as a keyed digest, and how it ended. */
    attempt: { account?: string, userId?: number | string, code?: ErrorCode }
  }
  interface FastifyInstance {
    /** Logs and counts a request that is refused before it reaches any route or hook. */
    refused: (code: ErrorCode, status: number) => void
  }
}

/** What is counted of requests. The routes are few, and so are the codes: no label is of a caller's choosing. */
function createCounters ({ metrics }: FastifyInstance) {
  const registers = [metrics]
  return {
    attempts: new Counter({
      registers,
      name: 'hasura_jwt_auth_attempts_total',
      help: 'Attempts by action and outcome: success, gone, or the code of the error',
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
      help: 'Requests answered with a 4xx, of any path, by the code of the error',
      labelNames: ['reason']
    })
  }
}

/** What becomes of a request: one line in the log, and the counters. */
async function attempt (fastify: FastifyInstance): Promise<void> {
  const { attempts, duration, refusals } = createCounters(fastify)

  // A counter that appears with its first increment has none that `rate()` could see.
  fastify.addHook('onRoute', ({ config: { action } = {} }) => {
    if (action === undefined) return
    for (const outcome of ['success', 'gone', ...errorCodes]) attempts.inc({ action, outcome }, 0)
  })

  function finish ({ request, elapsedTime }: FastifyReply, outcome: string, result: object): void {
    const { method, routeOptions: { url: path = null, config }, attempt: { account, userId, code } } = request
    const { action: event } = config
    // Probes come every second, and say nothing as long as all is well.
    const level = event === undefined && outcome === 'success' ? 'debug' : 'info'
    request.log[level]({ method, path, event, account, userId, code, outcome, ...result }, 'request')
    if (event === undefined) return
    attempts.inc({ action: event, outcome: code ?? outcome })
    duration.observe({ action: event }, elapsedTime / 1000)
  }

  fastify.decorateRequest('attempt')
  fastify.addHook('onRequest', async (request) => { request.attempt = {} })
  // There will be no response, whose line this one stands for.
  fastify.onGone((reply) => { finish(reply, 'gone', {}) })
  fastify.addHook('onResponse', async (request, reply) => {
    const { statusCode: status, elapsedTime } = reply
    finish(reply, status < 400 ? 'success' : 'failure', { status, milliseconds: Math.round(elapsedTime) })
    if (status >= 400 && status < 500) refusals.inc({ reason: String(request.attempt.code) })
  })
  fastify.decorate('refused', (code, status) => {
    fastify.log.info({ code, outcome: 'failure', status }, 'request')
    refusals.inc({ reason: code })
  })
}

export default fp(attempt, { name: 'attempt', fastify: '5.x', dependencies: ['metrics', 'connections'] })
