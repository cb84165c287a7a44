import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { login } from './actions/login.ts'
import { signup } from './actions/signup.ts'
import actionSecret from './plugins/action-secret.ts'
import attempt from './plugins/attempt.ts'
import blocklist from './plugins/blocklist.ts'
import clientAddress from './plugins/client-address.ts'
import config from './plugins/config.ts'
import type { Environment } from './plugins/config.ts'
import connections from './plugins/connections.ts'
import digest from './plugins/digest.ts'
import hasura from './plugins/hasura.ts'
import http from './plugins/http.ts'
import jwks from './plugins/jwks.ts'
import jwt from './plugins/jwt.ts'
import metrics from './plugins/metrics.ts'
import password from './plugins/password.ts'
import readiness from './plugins/readiness.ts'
import throttle from './plugins/throttle.ts'

export { serverOptions } from './plugins/http.ts'

/**
 * The service, as a plugin for a Fastify constructed with `serverOptions()`. Each line needs those above it.
 *
 * @throws ConfigError where a variable is missing or unusable
 */
async function app (fastify: FastifyInstance, { env }: { env: Environment }): Promise<void> {
  await fastify.register(config, { env })
  await fastify.register(metrics)
  await fastify.register(connections)
  await fastify.register(attempt)
  await fastify.register(http)
  await fastify.register(digest)
  await fastify.register(clientAddress)
  await fastify.register(throttle)
  await fastify.register(actionSecret)
  await fastify.register(hasura)
  await fastify.register(password)
  await fastify.register(blocklist)
  await fastify.register(jwt)
  await fastify.register(jwks)
  await fastify.register(readiness)

  await fastify.register(signup)
  await fastify.register(login)
}

export default fp(app, { name: 'app', fastify: '5.x' })
