import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { changeEmail } from './actions/change-email.ts'
import { changePassword } from './actions/change-password.ts'
import { confirmEmailChange } from './actions/confirm-email-change.ts'
import { deleteAccount } from './actions/delete-account.ts'
import { login } from './actions/login.ts'
import { logout } from './actions/logout.ts'
import { refresh } from './actions/refresh.ts'
import { requestPasswordReset } from './actions/request-password-reset.ts'
import { resetPassword } from './actions/reset-password.ts'
import { revokeSession } from './actions/revoke-session.ts'
import { sendVerification } from './actions/send-verification.ts'
import { signup } from './actions/signup.ts'
import { verifyEmail } from './actions/verify-email.ts'
import { claimsOf } from './claims.ts'
import actionSecret from './http/action-secret.ts'
import { parseArgon2Parameters } from './password/argon2-parameters.ts'
import blocklist from './password/blocklist.ts'
import callerGone from './http/caller-gone.ts'
import clientAddress from './throttle/client-address.ts'
import config from './config.ts'
import type { Environment } from './config.ts'
import callers from './http/caller.ts'
import digest from './throttle/digest.ts'
import hasura from './hasura/hasura.ts'
import { parseEndpoint } from './hasura/connection.ts'
import http from './http/http.ts'
import jwks from './jwt/jwks.ts'
import jwt from './jwt/jwt.ts'
import { readJwtSecret } from './jwt/jwt-secret.ts'
import { parsePrivateKey } from './jwt/signing-keys.ts'
import { parseAppUrl, parseMailFrom, parseSmtpUrl } from './mail/mail-settings.ts'
import { loadTemplates } from './mail/templates.ts'
import mail from './mail/mail.ts'
import metrics from './metrics.ts'
import password from './password/password.ts'
import health from './http/health.ts'
import requestLog from './http/request-log.ts'
import cleanUp from './sessions/clean-up.ts'
import sessions from './sessions/sessions.ts'
import shutdown from './http/shutdown.ts'
import { parseRedisUrl } from './throttle/redis-connection.ts'
import signIn from './sessions/sign-in.ts'
import throttle from './throttle/throttle.ts'

export { serverOptions } from './http/http.ts'

/**
 * The service, as a plugin for a Fastify constructed with `serverOptions()`. Each line needs those above it.
 *
 * @throws ConfigError where a variable is missing or unusable
 */
async function app (fastify: FastifyInstance, { env }: { env: Environment }): Promise<void> {
  await fastify.register(config, {
    env,
    parsers: {
      HASURA_GRAPHQL_ENDPOINT: parseEndpoint,
      HASURA_GRAPHQL_JWT_SECRET: readJwtSecret,
      JWT_PRIVATE_KEY: parsePrivateKey,
      ARGON2_MEMORY_KIB: parseArgon2Parameters,
      SMTP_URL: parseSmtpUrl,
      MAIL_FROM: parseMailFrom,
      APP_URL: parseAppUrl,
      MAIL_TEMPLATES_DIR: loadTemplates,
      REDIS_URL: parseRedisUrl
    }
  })
  await fastify.register(metrics)
  await fastify.register(shutdown)
  await fastify.register(callerGone)
  await fastify.register(requestLog)
  await fastify.register(http)
  await fastify.register(digest)
  await fastify.register(clientAddress)
  await fastify.register(throttle)
  await fastify.register(actionSecret)
  await fastify.register(callers)
  await fastify.register(hasura)
  await fastify.register(mail)
  await fastify.register(password)
  await fastify.register(blocklist)
  await fastify.register(jwt, { claimsOf })
  await fastify.register(jwks)
  await fastify.register(sessions)
  await fastify.register(signIn)
  await fastify.register(cleanUp)
  await fastify.register(health)

  await fastify.register(signup)
  await fastify.register(login)
  await fastify.register(refresh)
  await fastify.register(logout)
  await fastify.register(revokeSession)
  await fastify.register(changePassword)
  await fastify.register(requestPasswordReset)
  await fastify.register(resetPassword)
  await fastify.register(sendVerification)
  await fastify.register(verifyEmail)
  await fastify.register(changeEmail)
  await fastify.register(confirmEmailChange)
  await fastify.register(deleteAccount)
}

export default fp(app, { name: 'app', fastify: '5.x' })
