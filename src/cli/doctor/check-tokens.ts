import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { TokenUserFragment } from '../../generated/operations.ts'
import { harmless } from './check-webhook.ts'
import { describeError, failed, ok, unknown } from './finding.ts'
import type { Result } from './finding.ts'
import type { GraphqlAnswer, HasuraApi } from './hasura-api.ts'

/** Signs a token for a user who does not exist, and puts it where Hasura's configuration expects it. */
export function signFor (service: FastifyInstance, role: string): Record<string, string> {
  const { UNVERIFIED_ROLE: unverified } = service.config
  // A project may add columns for its own claims, or have ids of another type.
  const user: object = {
    id: 0,
    default_role: role,
    disabled_at: null,
    email_verified_at: new Date(0).toISOString(),
    roles: unverified === undefined ? [] : [{ role: unverified }]
  }
  // With sessions, a claims_map may read the id of the session. No session has this one.
  const session = service.config.TOKEN_SECRET === undefined ? undefined : randomUUID()
  const token = service.jwt.sign(user as TokenUserFragment, session)
  const { header } = JSON.parse(service.config.HASURA_GRAPHQL_JWT_SECRET) as { header?: { type: string, name: string } }
  const type = header?.type.toLowerCase()
  if (type === 'cookie') return { cookie: `${String(header?.name)}=${token}` }
  return type === 'customheader' ? { [String(header?.name)]: token } : { authorization: `Bearer ${token}` }
}

async function describeKeys (url: string): Promise<string> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    return `from this machine, it answers HTTP ${status}`
  } catch (error) {
    return `from this machine, it cannot be read: ${describeError([(error as Error).cause, error].find(Boolean))}`
  }
}

const sameJson = 'set HASURA_GRAPHQL_JWT_SECRET to the same JSON on both sides, and restart both'

/** Explains why Hasura does not accept a token. */
async function explain ({ code = '', message }: GraphqlAnswer, service: FastifyInstance): Promise<string> {
  if (/JWTIssuedAtFuture|JWTNotYetValid/.test(message)) {
    return 'Hasura\'s clock is behind: synchronize both clocks, or set allowed_skew in HASURA_GRAPHQL_JWT_SECRET on both sides'
  }
  if (message.includes('JWTExpired')) return 'Hasura\'s clock is ahead by the lifetime of a token: synchronize both clocks'
  const { keys } = service.parsed.HASURA_GRAPHQL_JWT_SECRET
  if (code === 'invalid-jwt' && 'url' in keys) {
    return `Hasura has no key from ${keys.url} (${await describeKeys(keys.url)}): Hasura must reach this URL of the service`
  }
  const problem = code.startsWith('jwt-') ? 'does not find its claims' : code === '' ? 'ignores it' : 'refuses it'
  return `Hasura ${problem}${message && ` (${message})`}: ${sameJson}`
}

/**
 * Checks that Hasura accepts a token with its roles.
 *
 * Requests a role that the token does not allow. Only if Hasura has verified the token does it say that the role is not
 * among those of the token: it answers differently to requests without a token, and to the administrator.
 */
export async function checkToken (
  service: FastifyInstance, hasura: HasuraApi, headers: Record<string, string>, role: string
): Promise<Result> {
  const answer = await hasura.graphql('{ __typename }', { ...headers, 'x-hasura-role': 'hasura-jwt-auth-doctor' })
  if (!answer.message.includes('role is not in allowed roles')) return failed(await explain(answer, service))
  const { data, message } = await hasura.graphql('{ __typename }', headers)
  if (data === undefined) return failed(`Hasura refuses the role ${role} (${message}): ${sameJson}`)
  return ok(`Hasura accepts a new token with the role ${role}`)
}

/** Checks the role of requests without a token. */
export async function checkUnauthorizedRole ({ config }: FastifyInstance, hasura: HasuraApi): Promise<Result> {
  const { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: role } = config
  const { code = '', message } = await hasura.graphql(harmless)
  if (message.includes('allowlist')) return unknown('not checked, because Hasura runs only the operations of its allow list')
  if (['validation-failed', 'invalid-headers'].includes(code) || message.includes('x-hasura-admin-secret')) {
    return failed(`a request without a token may not call the actions (${message}): set HASURA_GRAPHQL_UNAUTHORIZED_ROLE to `
      + `${role} on Hasura, and give that role the permissions`)
  }
  // For this role, Hasura takes session variables from the headers of the client.
  const asUser = await hasura.graphql('mutation { RevokeSession(id: "doctor") { ok } }', { 'x-hasura-user-id': '0' })
  if (asUser.data === undefined) return ok('may call the actions')
  return failed('a request without a token may act as any user: set HASURA_GRAPHQL_UNAUTHORIZED_ROLE to the same role on both '
    + 'sides, and give that role no permission for RevokeSession')
}

export async function checkUnverifiedRole (
  role: string, headers: Record<string, string>, hasura: HasuraApi
): Promise<Result> {
  const { code, message } = await hasura.graphql(harmless, { ...headers, 'x-hasura-role': role })
  if (code !== 'validation-failed') return ok(`${role} may call the actions`)
  return failed(`${role} may not call the actions (${message}): run npm run adopt, and deploy`)
}

/** More columns than PostgreSQL selects (SQLSTATE 54011), so the query fails before it reads anything. */
const unselectable = `{ user(limit: 0) { ${Array.from({ length: 1700 }, (_, index) => `c${index}: id`).join(' ')} } }`

/** In dev mode, everybody sees the details of an unexpected error, not only the administrator. */
export async function checkDevMode (headers: Record<string, string>, hasura: HasuraApi): Promise<Result> {
  const { code, internal } = await hasura.graphql(unselectable, headers)
  if (internal !== undefined) {
    return failed('on, so Hasura\'s errors repeat the input, passwords included: set HASURA_GRAPHQL_DEV_MODE to false')
  }
  return code === 'unexpected' ? ok('off') : unknown('not checked, because the role of the token cannot select the ids of users')
}
