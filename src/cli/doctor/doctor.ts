import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { createTransport } from 'nodemailer'
import app, { serverOptions } from '../../app.ts'
import type { Environment } from '../../config.ts'
import { checkMetadata, readMetadata } from './check-metadata.ts'
import { checkTokens, checkUnauthorizedRole } from './check-tokens.ts'
import { checkWebhook } from './check-webhook.ts'
import { failed, ok, unknown } from './finding.ts'
import type { Finding } from './finding.ts'
import { hasuraApi } from './hasura-api.ts'
import type { GraphqlAnswer, HasuraApi } from './hasura-api.ts'

function checkConnection ({ isGraphql }: GraphqlAnswer, url: string): Finding {
  if (isGraphql) return ok('Hasura', `answers at ${url}`)
  return failed('Hasura', `${url} does not answer GraphQL at /v1/graphql: correct HASURA_GRAPHQL_ENDPOINT`)
}

async function checkAdminSecret (hasura: HasuraApi): Promise<Finding> {
  const { code, message } = await hasura.asAdmin('{ __typename }')
  if (code === undefined) return ok('admin secret', 'accepted')
  return failed('admin secret', `Hasura refuses it (${message}): set HASURA_GRAPHQL_ADMIN_SECRET to the same value on both sides`)
}

function checkClock ({ skewMs }: GraphqlAnswer, { parsed }: FastifyInstance): Finding {
  if (skewMs === undefined) return unknown('clock', 'Hasura\'s answers have no date')
  const seconds = Math.ceil(Math.abs(skewMs) / 1000)
  if (seconds <= 1 + parsed.HASURA_GRAPHQL_JWT_SECRET.allowedSkewSeconds) return ok('clock', 'the same on both sides')
  return failed('clock', `Hasura's is ${seconds} seconds ${skewMs > 0 ? 'ahead' : 'behind'}: synchronize both clocks`)
}

async function checkCors ({ parsed }: FastifyInstance, hasura: HasuraApi): Promise<Finding> {
  if (parsed.APP_URL === undefined) return unknown('CORS', 'set APP_URL to the URL of your app to check it')
  const { origin } = new URL(parsed.APP_URL)
  const allowed = (await hasura.preflight(origin)).get('access-control-allow-origin')
  if (allowed === origin) return ok('CORS', `web pages of ${origin} may call Hasura`)
  return failed('CORS', `web pages of ${origin} may not call Hasura: add it to HASURA_GRAPHQL_CORS_DOMAIN on Hasura`)
}

function checkPluralSecrets (env: Environment): Finding {
  const set = ['HASURA_GRAPHQL_ADMIN_SECRETS', 'HASURA_GRAPHQL_JWT_SECRETS'].filter(name => env[name])
  if (set.length === 0) return ok('plural secrets', 'unset')
  return failed('plural secrets', `${set.join(' and ')} is set, and Hasura uses it instead of the single one: unset it`)
}

interface SmtpError { code?: string, responseCode?: number }

async function checkSmtp ({ parsed }: FastifyInstance): Promise<Finding> {
  const { SMTP_URL: server } = parsed
  if (server === undefined) return unknown('SMTP', 'off: set SMTP_URL to send mail')
  const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 10_000 }
  const transport = createTransport({ ...server, ...timeouts })
  const failure = await transport.verify().then(() => undefined, (error: unknown) => error as SmtpError)
  transport.close()
  if (failure === undefined) return ok('SMTP', `${server.host} accepts the login`)
  // Not the message, which may repeat what the server says about the user.
  const cause = [failure.code, failure.responseCode].filter(Boolean).join(' ')
  return failed('SMTP', `${server.host} does not accept the login (${cause}): correct SMTP_URL`)
}

async function checkHasura (service: FastifyInstance, hasura: HasuraApi): Promise<Finding[]> {
  const { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: unauthorized, UNVERIFIED_ROLE: unverified } = service.config
  const { href: url } = service.parsed.HASURA_GRAPHQL_ENDPOINT
  let first: GraphqlAnswer
  try {
    first = await hasura.graphql('{ __typename }')
  } catch (error) {
    const cause = String([(error as Error).cause, error].find(Boolean))
    return [failed('Hasura', `${url} cannot be reached (${cause}): start Hasura, or correct HASURA_GRAPHQL_ENDPOINT`)]
  }
  const connection = checkConnection(first, url)
  if (connection.state === 'failed') return [connection]
  const secret = await checkAdminSecret(hasura)
  const asAdmin = secret.state === 'ok'
  const metadata = asAdmin ? await readMetadata(hasura) : undefined
  const login = metadata?.actions?.find(({ name }) => name === 'Login')
  const role = login?.permissions?.map(({ role }) => role).find(role => role !== unauthorized && role !== unverified)
  return [
    connection,
    secret,
    ...asAdmin ? [...await checkMetadata(service, hasura, metadata), await checkWebhook(hasura)] : [],
    await checkUnauthorizedRole(service, hasura),
    checkClock(first, service),
    ...await checkTokens(service, hasura, role ?? 'user'),
    await checkCors(service, hasura)
  ]
}

async function checkAll (service: FastifyInstance, env: Environment): Promise<Finding[]> {
  try {
    await service.register(app, { env: { ...env, LOG_LEVEL: 'silent' } })
  } catch (error) {
    // A ConfigError has a line for each variable.
    return (error as Error).message.split('\n').map(line => failed('configuration', line))
  }
  return [
    ok('configuration', 'complete'),
    checkPluralSecrets(env),
    ...await checkHasura(service, hasuraApi(service)),
    await checkSmtp(service)
  ]
}

/**
 * Checks a deployment with the settings of the service. It changes nothing on Hasura and sends no mail.
 *
 * @returns the findings in the order in which they are worth reading
 */
export async function doctor (env: Environment): Promise<Finding[]> {
  const service = Fastify(serverOptions())
  return checkAll(service, env).finally(async () => service.close())
}
