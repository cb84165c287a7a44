import type { IncomingHttpHeaders } from 'node:http'
import { HasuraFault } from '../fault.ts'
import type { TokenPlace } from './jwt-config.ts'
import { createJwtVerifier } from './verify-jwt.ts'

/** The caller: a role and Hasura's session variables. Their names are lower-case; `x-hasura-role` is always there. */
export interface Session { role: string, variables: Record<string, string> }

export type Authenticate = (headers: IncomingHttpHeaders) => Promise<Session>

const secretHeaders = ['x-hasura-admin-secret', 'x-hasura-access-key']

function sessionOf (role: string, variables: Record<string, string>): Session {
  const kept = Object.entries(variables).filter(([name]) => !secretHeaders.includes(name))
  return { role, variables: { ...Object.fromEntries(kept), 'x-hasura-role': role } }
}

function hasuraHeaders (headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith('x-hasura-'))
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]))
}

/** Finds the token in the place that Hasura's configuration names. */
function findToken (headers: IncomingHttpHeaders, { type, name }: TokenPlace): string | undefined {
  if (type === 'customheader') return headers[name.toLowerCase()]?.toString()
  if (type === 'cookie') {
    const cookies = headers.cookie?.split(';').map(cookie => cookie.trim()) ?? []
    const tokens = cookies.filter(cookie => cookie.startsWith(`${name}=`))
    if (tokens.length > 1) throw new HasuraFault('invalid-headers', 'Could not verify JWT: Multiple JWTs found')
    return tokens[0]?.slice(name.length + 1)
  }
  if (headers.authorization === undefined) return undefined
  const [scheme, token, ...rest] = headers.authorization.split(' ')
  if (scheme === 'Bearer' && token !== undefined && rest.length === 0) return token
  throw new HasuraFault('invalid-headers', 'Malformed Authorization header')
}

export interface AuthenticateOptions {
  adminSecret: string
  jwtSecret: string
  unauthorizedRole: string
  /** Receives the problems of a `jwk_url`. */
  report: (problem: string) => void
}

/**
 * Authenticates as Hasura does: first the admin secret, then the token, then the unauthorized role. A wrong secret
 * fails despite a valid token. An invalid token fails: there is no fallback to the unauthorized role.
 *
 * @throws Error if Hasura would not start with the JWT configuration, or the sandbox does not support it
 */
export function createAuthenticate (
  { adminSecret, jwtSecret, unauthorizedRole, report }: AuthenticateOptions
): { authenticate: Authenticate, close: () => void } {
  const { place, verify, close } = createJwtVerifier(jwtSecret, report)

  async function authenticate (headers: IncomingHttpHeaders): Promise<Session> {
    const secret = headers['x-hasura-admin-secret'] ?? headers['x-hasura-access-key']
    const variables = hasuraHeaders(headers)
    const requested = variables['x-hasura-role']
    if (secret !== undefined) {
      if (secret === adminSecret) return sessionOf(requested ?? 'admin', variables)
      throw new HasuraFault('access-denied', 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"')
    }
    const token = findToken(headers, place)
    // Every x-hasura header of an unauthorized client becomes a session variable, except the role.
    if (token === undefined) return sessionOf(unauthorizedRole, variables)

    const { allowedRoles, defaultRole, variables: claims } = await verify(token)
    const role = requested ?? defaultRole
    if (allowedRoles.includes(role)) return sessionOf(role, claims)
    throw new HasuraFault('access-denied', 'Your requested role is not in allowed roles')
  }
  return { authenticate, close }
}
