import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { ConfigError } from './config.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The registry in which every plugin registers its counters and histograms, served on `METRICS_PORT`. */
    metrics: Registry
  }
}

/** Upper bounds of the histograms in seconds: from a refusal without work to the time at which Hasura gives up. */
export const buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

/** Failures of `listen` that concern `METRICS_PORT`, by their code. */
const portProblems: Record<string, string> = {
  EADDRINUSE: 'is in use by another process: set it to a free port',
  EACCES: 'needs more privileges: set it to 1024 or higher'
}

/** `fastify.metrics`, served on a port of its own: callers of the webhook must not see them. */
async function metrics (fastify: FastifyInstance): Promise<void> {
  const registry = new Registry()
  fastify.decorate('metrics', registry)
  const { HOST: host, METRICS_PORT: port } = fastify.config
  if (port === undefined) return
  collectDefaultMetrics({ register: registry })

  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    registry.metrics().then(
      (text) => { response.setHeader('content-type', registry.contentType).end(text) },
      (error: unknown) => {
        fastify.log.error({ err: error }, 'the metrics cannot be collected')
        response.writeHead(500).end()
      }
    )
  })
  fastify.addHook('onReady', async () => {
    try {
      await once(server.listen(port, host), 'listening')
    } catch (error) {
      const problem = portProblems[String((error as NodeJS.ErrnoException).code)]
      throw problem === undefined ? error : new ConfigError('METRICS_PORT', problem)
    }
    const { port: listening } = server.address() as AddressInfo
    fastify.log.info(`Metrics on port ${listening} of HOST, at /metrics`)
  })
  fastify.addHook('onClose', async () => {
    server.closeAllConnections()
    server.close()
  })
}

export default fp(metrics, { name: 'metrics', fastify: '5.x', dependencies: ['config'] })
