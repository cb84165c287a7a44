/** A bare Fastify, as a process: a route that parses a login's body, refuses it, and leaves one line in the log. */
import Fastify from 'fastify'
import { LogController } from 'fastify'

const fastify = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })
fastify.post('/login', async (request, reply) => {
  request.log.info({ method: request.method, path: request.url, status: 401, outcome: 'failure' }, 'request')
  return reply.code(401).send({ message: 'Refused', extensions: { path: '$', code: 'refused' } })
})
fastify.get('/healthz', () => ({ status: 'ok' }))
await fastify.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) })
