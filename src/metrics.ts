import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { ConfigError } from './config.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Where every plugin registers what it counts and times, in Prometheus' text format on `METRICS_PORT`. */
    metrics: Registry
  }
}

/** Upper bounds of the histograms, in seconds: from what costs nothing to what a caller has given up on. */
export const buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

/** `fastify.metrics`, on a port of its own: figures of the operator's are not for whoever reaches the webhook. */
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
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EADDRINUSE') throw new ConfigError('METRICS_PORT', 'is taken by another process: set it to a free one')
      throw error
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
