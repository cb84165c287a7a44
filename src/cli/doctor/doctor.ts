import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { createTransport } from 'nodemailer'
import app, { serverOptions } from '../../app.ts'
import type { Environment } from '../../config.ts'
import type { ActionEntry } from './check-metadata.ts'
import { checkActions, checkConsistency, checkIsolation, checkOperations, checkTables, readMetadata } from './check-metadata.ts'
import { checkDevMode, checkToken, checkUnauthorizedRole, checkUnverifiedRole, signFor } from './check-tokens.ts'
import { checkWebhook } from './check-webhook.ts'
import { attempt, describeError, failed, ok, unknown } from './finding.ts'
import type { Finding, Result } from './finding.ts'
import { hasuraApi } from './hasura-api.ts'
import type { HasuraApi } from './hasura-api.ts'

function checkPluralSecrets (env: Environment): Result {
  const set = ['HASURA_GRAPHQL_ADMIN_SECRETS', 'HASURA_GRAPHQL_JWT_SECRETS'].filter(name => env[name])
  if (set.length === 0) return ok('not set for this service')
  return failed(`Hasura uses ${set.join(' and ')} instead of the single secrets: unset them on both sides`)
}

async function checkConnection (hasura: HasuraApi, url: string): Promise<Result> {
  let status: number | undefined
  try {
    ({ foreignStatus: status } = await hasura.graphql('{ __typename }'))
  } catch (error) {
    const problem = describeError(error)
    const remedy = /CERT|ALTNAME/.test(problem)
      ? 'correct HASURA_GRAPHQL_ENDPOINT, or set NODE_EXTRA_CA_CERTS to the file with its certificate authority'
      : 'start Hasura, or correct HASURA_GRAPHQL_ENDPOINT'
    return failed(`${url} cannot be reached (${problem}): ${remedy}`)
  }
  if (status === undefined) return ok(`answers at ${url}`)
  return failed(`${url} answers HTTP ${status} without GraphQL at /v1/graphql: start Hasura, or correct HASURA_GRAPHQL_ENDPOINT`)
}

async function checkAdminSecret (hasura: HasuraApi): Promise<Result> {
  const { code, message } = await hasura.asAdmin('{ __typename }')
  if (code !== undefined) {
    return failed(`Hasura refuses it (${message}): set HASURA_GRAPHQL_ADMIN_SECRET to the same value on both sides`)
  }
  const wrong = await hasura.graphql('{ __typename }', { 'x-hasura-admin-secret': 'doctor' })
  if (wrong.data === undefined) return ok('Hasura accepts it')
  return failed('Hasura accepts any secret, so everybody is an administrator: set HASURA_GRAPHQL_ADMIN_SECRET on Hasura')
}

async function checkClock ({ parsed }: FastifyInstance, hasura: HasuraApi): Promise<Result> {
  const { skewMs } = await hasura.graphql('{ __typename }')
  if (skewMs === undefined) return unknown('Hasura\'s answers have no date')
  const seconds = Math.ceil(Math.abs(skewMs) / 1000)
  if (seconds <= 1 + parsed.HASURA_GRAPHQL_JWT_SECRET.allowedSkewSeconds) return ok('Hasura\'s is close enough to this machine\'s')
  return failed(`Hasura's is ${seconds} seconds ${skewMs > 0 ? 'ahead' : 'behind'}: synchronize both clocks`)
}

async function checkCors ({ parsed }: FastifyInstance, hasura: HasuraApi): Promise<Result> {
  if (parsed.APP_URL === undefined) return unknown('set APP_URL to the URL of your app to check it')
  const { origin } = new URL(parsed.APP_URL)
  if (await hasura.allowedOrigin(origin) === origin) return ok(`web pages of ${origin} may call Hasura`)
  return failed(`web pages of ${origin} may not call Hasura: add it to HASURA_GRAPHQL_CORS_DOMAIN on Hasura`)
}

interface SmtpError { code?: string, responseCode?: number }

async function checkSmtp ({ parsed }: FastifyInstance): Promise<Result> {
  const { SMTP_URL: server } = parsed
  if (server === undefined) return unknown('off: set SMTP_URL to send mail')
  const timeouts = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 10_000 }
  const transport = createTransport({ ...server, ...timeouts })
  const failure = await transport.verify().then(() => undefined, (error: unknown) => error as SmtpError)
  transport.close()
  if (failure === undefined) return ok(`${server.host} accepts the login`)
  // Without the message, which may contain what the server says about the user.
  const cause = [failure.code, failure.responseCode].filter(Boolean).join(' ')
  return failed(`${server.host} does not accept the login (${cause}): correct SMTP_URL`)
}

/** Checks that Hasura accepts a new token, and then everything that needs a token. */
async function* checkWithToken (service: FastifyInstance, hasura: HasuraApi, role: string): AsyncGenerator<Finding> {
  const { config: { UNVERIFIED_ROLE: unverified }, parsed: { HASURA_GRAPHQL_JWT_SECRET: { keys } } } = service
  let headers: Record<string, string>
  try {
    headers = signFor(service, role)
  } catch (error) {
    yield { check: 'token', ...unknown(`not checked, because a sample user does not have every claim (${describeError(error)})`) }
    return
  }
  const token = await attempt('token', async () => checkToken(service, hasura, headers, role))
  yield* token
  if (token.some(({ state }) => state === 'failed')) {
    yield { check: 'dev mode', ...unknown('not checked, because Hasura does not accept the token') }
    return
  }
  if ('url' in keys) yield { check: 'JWKS', ...ok(`Hasura has fetched the key from ${keys.url}`) }
  if (unverified !== undefined) {
    yield* await attempt('unverified role', async () => checkUnverifiedRole(unverified, headers, hasura))
  }
  yield* await attempt('dev mode', async () => checkDevMode(headers, hasura))
}

async function* checkHasura (service: FastifyInstance): AsyncGenerator<Finding> {
  const hasura = hasuraApi(service)
  const connection = await checkConnection(hasura, service.parsed.HASURA_GRAPHQL_ENDPOINT.href)
  yield { check: 'Hasura', ...connection }
  if (connection.state === 'failed') return

  const secret = await attempt('admin secret', async () => checkAdminSecret(hasura))
  yield* secret
  const isAdmin = secret.every(({ state }) => state === 'ok')
  const metadata = isAdmin ? await readMetadata(hasura).catch(() => undefined) : undefined
  const actionOf = (name: string): ActionEntry | undefined => metadata?.actions?.find(action => action.name === name)
  if (isAdmin) {
    yield* await attempt('tables and columns', async () => checkTables(service))
    yield* await attempt('operations', async () => checkOperations(hasura))
    yield* await attempt('metadata', async () => checkConsistency(hasura))
    yield { check: 'isolation level', ...checkIsolation(metadata) }
    yield* [checkActions(metadata, service)].flat().map(result => ({ check: 'actions', ...result }))
    yield* await attempt('webhook', async () => checkWebhook(hasura, actionOf('Refresh')))
  }
  yield* await attempt('unauthorized role', async () => checkUnauthorizedRole(service, hasura))
  yield* await attempt('clock', async () => checkClock(service, hasura))
  const roles = actionOf('RevokeSession')?.permissions?.map(({ role }) => role) ?? []
  yield* checkWithToken(service, hasura, roles.find(role => role !== service.config.UNVERIFIED_ROLE) ?? 'user')
  yield* await attempt('CORS', async () => checkCors(service, hasura))
}

/**
 * Checks a deployment with the settings of the service. It changes nothing on Hasura and sends no mail.
 *
 * @returns the findings, in the order in which to correct them
 */
export async function* doctor (env: Environment): AsyncGenerator<Finding> {
  const service = Fastify(serverOptions())
  try {
    try {
      await service.register(app, { env: { ...env, LOG_LEVEL: 'silent' } })
    } catch (error) {
      // A ConfigError has a line for each variable.
      yield* (error as Error).message.split('\n').map(line => ({ check: 'configuration', ...failed(line) }))
      return
    }
    yield { check: 'configuration', ...ok('complete') }
    yield { check: 'plural secrets', ...checkPluralSecrets(env) }
    yield* checkHasura(service)
    yield { check: 'SMTP', ...await checkSmtp(service) }
  } finally {
    await service.close()
  }
}
