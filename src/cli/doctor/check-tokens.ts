import type { FastifyInstance } from 'fastify'
import type { TokenUserFragment } from '../../generated/operations.ts'
import { harmless } from './check-webhook.ts'
import { failed, ok, unknown } from './finding.ts'
import type { Finding } from './finding.ts'
import type { GraphqlAnswer, HasuraApi } from './hasura-api.ts'

/** Signs a token for a user who does not exist, and puts it where Hasura's configuration expects it. */
function signFor (service: FastifyInstance, role: string, others: string[]): Record<string, string> {
  const user: Partial<TokenUserFragment> = {
    id: 0,
    default_role: role,
    disabled_at: null,
    email_verified_at: new Date(0).toISOString(),
    roles: others.map(role => ({ role }))
  }
  // A project may add columns for its own claims.
  const token = service.jwt.sign(user as TokenUserFragment)
  const { header } = JSON.parse(service.config.HASURA_GRAPHQL_JWT_SECRET) as { header?: { type: string, name: string } }
  const type = header?.type.toLowerCase()
  if (type === 'cookie') return { cookie: `${String(header?.name)}=${token}` }
  return type === 'customheader' ? { [String(header?.name)]: token } : { authorization: `Bearer ${token}` }
}

async function describeKeys (url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) }).catch((error: unknown) => error as Error)
  return answer instanceof Error ? `here, it cannot be read: ${String(answer.cause)}` : `here, it answers HTTP ${answer.status}`
}

/** Explains why Hasura refuses a token; undefined if it accepts it. */
async function explain ({ code = '', message }: GraphqlAnswer, service: FastifyInstance): Promise<string | undefined> {
  if (/JWTIssuedAtFuture|JWTNotYetValid/.test(message)) {
    return 'Hasura\'s clock is behind: synchronize both clocks, or set allowed_skew in HASURA_GRAPHQL_JWT_SECRET on both sides'
  }
  if (message.includes('JWTExpired')) return 'Hasura\'s clock is ahead by the lifetime of a token: synchronize both clocks'
  const sameJson = 'set HASURA_GRAPHQL_JWT_SECRET to the same JSON on both sides, and restart both'
  if (code.startsWith('jwt-')) return `Hasura does not find its claims (${message}): ${sameJson}`
  const { keys } = service.parsed.HASURA_GRAPHQL_JWT_SECRET
  if (code === 'invalid-jwt' && 'url' in keys) {
    return `Hasura has no key from ${keys.url} (${await describeKeys(keys.url)}): Hasura must reach this URL of the service`
  }
  if (code === 'invalid-jwt' || code === 'invalid-headers') return `Hasura refuses it (${message}): ${sameJson}`
  if (code === 'validation-failed') return `Hasura ignores it, or its role may not call RevokeSession: ${sameJson}, or add the permission`
  return undefined
}

/** Checks the role of requests without a token. */
export async function checkUnauthorizedRole ({ config }: FastifyInstance, hasura: HasuraApi): Promise<Finding> {
  const { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: role } = config
  const { code = '', message } = await hasura.graphql(harmless)
  const isRefused = ['validation-failed', 'invalid-headers'].includes(code) || message.includes('x-hasura-admin-secret')
  if (!isRefused) return ok('unauthorized role', 'may call the actions')
  return failed('unauthorized role', `a request without a token may not call the actions (${message}): set `
    + `HASURA_GRAPHQL_UNAUTHORIZED_ROLE to ${role} on Hasura, and give that role the permissions`)
}

async function checkUnverifiedRole (
  role: string, headers: Record<string, string>, hasura: HasuraApi
): Promise<Finding> {
  const { code, message } = await hasura.graphql(harmless, { ...headers, 'x-hasura-role': role })
  if (code !== 'validation-failed') return ok('unverified role', `${role} may call the actions`)
  return failed('unverified role', `${role} may not call the actions (${message}): run npm run adopt, and deploy`)
}

/** More columns than PostgreSQL selects (SQLSTATE 54011), so the query fails before it reads anything. */
const unselectable = `{ user(limit: 0) { ${Array.from({ length: 1700 }, (_, index) => `c${index}: id`).join(' ')} } }`

/** In dev mode, not only the administrator sees the details of an error that Hasura does not expect. */
async function checkDevMode (headers: Record<string, string>, hasura: HasuraApi): Promise<Finding> {
  const { code, internal } = await hasura.graphql(unselectable, headers)
  if (internal !== undefined) {
    return failed('dev mode', 'on, so Hasura\'s errors repeat the input, passwords included: set HASURA_GRAPHQL_DEV_MODE to false')
  }
  return code === 'unexpected' ? ok('dev mode', 'off') : unknown('dev mode', 'the role cannot select the ids of users')
}

/**
 * Checks that Hasura accepts a new token, and what depends on that.
 *
 * @param role - a role of signed-in users
 */
export async function checkTokens (service: FastifyInstance, hasura: HasuraApi, role: string): Promise<Finding[]> {
  const { UNVERIFIED_ROLE: unverified } = service.config
  const headers = signFor(service, role, unverified === undefined ? [] : [unverified])
  // Without an effect: there is no such session.
  const problem = await explain(await hasura.graphql('mutation { RevokeSession(id: "doctor") { ok } }', headers), service)
  if (problem !== undefined) return [failed('token', problem), unknown('dev mode', 'needs a token')]
  const { keys } = service.parsed.HASURA_GRAPHQL_JWT_SECRET
  return [
    ok('token', `Hasura accepts a new one of the role ${role}`),
    ...'url' in keys ? [ok('JWKS', `Hasura has fetched the key from ${keys.url}`)] : [],
    ...unverified === undefined ? [] : [await checkUnverifiedRole(unverified, headers, hasura)],
    await checkDevMode(headers, hasura)
  ]
}
