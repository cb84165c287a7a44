import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError } from '../errors.ts'
import type { JsonWebToken } from '../generated/actions.ts'
import type { TokenUserFragment } from '../generated/operations.ts'
import { readRefreshCookie, setRefreshCookie } from './refresh-cookie.ts'
import { createRefreshTokens, tokenSecrets } from './refresh-token.ts'
import type { RefreshToken } from './refresh-token.ts'

/** The variables of a mutation that inserts a session. Times are ISO 8601. */
export interface NewSession {
  session_id: string
  user_id: TokenUserFragment['id']
  now: string
  idle_expires_at: string
  expires_at: string
  user_agent: string | null
}

interface Sessions {
  /** Makes a session that begins now. It exists once a mutation has inserted it. */
  create: (userId: TokenUserFragment['id'], request: FastifyRequest) => NewSession
  /** The times that a refresh compares and sets, in ISO 8601. */
  refreshTimes: () => { now: string, grace_start: string, idle_expires_at: string }
  /** The refresh token that a request sends: its argument or, with `REFRESH_COOKIE=on`, its cookie. */
  sentToken: (argument: string | null | undefined, request: FastifyRequest) => string | undefined
  /**
   * Reads a refresh token; undefined if it is absent, malformed, forged or expired. Whether its session is alive is in
   * the database.
   */
  read: (text: string | undefined) => RefreshToken | undefined
  /** An access token that names the session, without a refresh token: the client keeps the one that it has. */
  answerAccess: (user: TokenUserFragment, sessionId: string) => JsonWebToken
  /** The same, with the refresh token in the answer or, with `REFRESH_COOKIE=on`, in the cookie. */
  answer: (user: TokenUserFragment, token: RefreshToken, reply: FastifyReply) => JsonWebToken
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined without `TOKEN_SECRET`: then there are no sessions and no refresh tokens. */
    sessions: Sessions | undefined
  }
}

/** The JSON Schema of an answer with tokens. */
export const jsonWebToken = {
  token: { type: 'string' },
  expires_in: { type: 'integer', nullable: true },
  refresh_token: { type: 'string', nullable: true },
  session_id: { type: 'string', nullable: true }
} as const

/** One error for every reason, so that the answer does not reveal it. */
export function invalidRefreshToken (): ActionError {
  return new ActionError('invalid-refresh-token', 'The refresh token is invalid: log in again')
}

/**
 * Returns the sessions, for actions that need them.
 *
 * @throws ActionError `not-configured` without `TOKEN_SECRET`
 */
export function requireSessions ({ sessions }: FastifyInstance): Sessions {
  if (sessions !== undefined) return sessions
  throw new ActionError('not-configured', 'There are no sessions: set TOKEN_SECRET')
}

/** The token of a new session. */
export function firstToken ({ session_id: sessionId, expires_at }: NewSession): RefreshToken {
  return { sessionId, generation: 0, expiresAt: Date.parse(expires_at) / 1000 }
}

/** Hasura does not forward `User-Agent` itself. Its start is enough for people to tell their devices apart. */
function userAgentOf ({ headers }: FastifyRequest): string | null {
  const userAgent = headers['x-forwarded-user-agent']
  return typeof userAgent === 'string' ? userAgent.slice(0, 200) : null
}

const toIso = (milliseconds: number): string => new Date(milliseconds).toISOString()

function createSessions ({ config, jwt }: FastifyInstance, secrets: [string, ...string[]]): Sessions {
  const refreshTokens = createRefreshTokens(secrets)

  const answerAccess: Sessions['answerAccess'] = (user, sessionId) => (
    { token: jwt.sign(user, sessionId), expires_in: config.ACCESS_TOKEN_TTL_SECONDS, session_id: sessionId }
  )

  return {
    create (userId, request) {
      const now = Date.now()
      return {
        session_id: randomUUID(),
        user_id: userId,
        now: toIso(now),
        idle_expires_at: toIso(now + config.SESSION_IDLE_SECONDS * 1000),
        // In whole seconds, as in the refresh token.
        expires_at: toIso((Math.floor(now / 1000) + config.SESSION_TTL_SECONDS) * 1000),
        user_agent: userAgentOf(request)
      }
    },
    refreshTimes () {
      const now = Date.now()
      return {
        now: toIso(now),
        grace_start: toIso(now - config.REFRESH_GRACE_SECONDS * 1000),
        idle_expires_at: toIso(now + config.SESSION_IDLE_SECONDS * 1000)
      }
    },
    read (text = '') {
      const token = refreshTokens.decode(text)
      return token !== undefined && token.expiresAt * 1000 > Date.now() ? token : undefined
    },
    sentToken: (argument, request) => (
      argument ?? (config.REFRESH_COOKIE === 'on' ? readRefreshCookie(request) : undefined)
    ),
    answerAccess,
    answer (user, token, reply) {
      const answer = answerAccess(user, token.sessionId)
      const refreshToken = refreshTokens.encode(token)
      if (config.REFRESH_COOKIE === 'off') return { ...answer, refresh_token: refreshToken }
      setRefreshCookie(reply, refreshToken, token.expiresAt)
      return answer
    }
  }
}

/** `fastify.sessions`: refresh tokens, and the rows of `user_session` that they belong to. */
async function sessions (fastify: FastifyInstance): Promise<void> {
  const secrets = tokenSecrets(fastify.config)
  fastify.decorate('sessions', secrets === undefined ? undefined : createSessions(fastify, secrets))
  if (secrets === undefined || fastify.config.REFRESH_GRACE_SECONDS >= 30) return
  fastify.log.warn('REFRESH_GRACE_SECONDS is below 30: a client on a slow connection can lose its session')
}

export default fp(sessions, { name: 'sessions', fastify: '5.x', dependencies: ['config', 'jwt'] })
