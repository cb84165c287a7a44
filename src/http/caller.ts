import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { TokenUserFragment } from '../generated/operations.ts'

/** The user whose access token Hasura has verified. */
export interface Caller {
  userId: TokenUserFragment['id']
  role: string
  /** Undefined for a token without a session. */
  sessionId: string | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Reads the caller from the session variables of Hasura's payload.
     *
     * @returns undefined if nobody is signed in, or if the session variables prove nothing: without `ACTION_SECRET`
     *   anybody can send them, and for the unauthorized role Hasura passes on headers of the client
     */
    callerOf: (request: FastifyRequest) => Caller | undefined
  }
}

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

/** A session's id. PostgreSQL rejects a comparison with any other text. */
export function isSessionId (text: string): boolean {
  return uuid.test(text)
}

/** A user's id, in the type of its column: a positive integer. If your ids are uuids, return the text if it is one. */
export function parseUserId (text: string): Caller['userId'] | undefined {
  return /^[1-9]\d{0,9}$/.test(text) && Number(text) <= 2_147_483_647 ? Number(text) : undefined
}

function sessionVariablesOf ({ body }: FastifyRequest): Record<string, unknown> {
  const { session_variables: variables } = Object(body) as { session_variables?: unknown }
  return Object(variables) as Record<string, unknown>
}

/** `fastify.callerOf`. */
async function callers (fastify: FastifyInstance): Promise<void> {
  const { ACTION_SECRET, HASURA_GRAPHQL_UNAUTHORIZED_ROLE: unauthorizedRole } = fastify.config

  fastify.decorate('callerOf', (request) => {
    const variables = sessionVariablesOf(request)
    const { 'x-hasura-role': role, 'x-hasura-user-id': id, 'x-hasura-session-id': sessionId } = variables
    if (ACTION_SECRET === undefined || typeof role !== 'string' || role === unauthorizedRole) return undefined
    const userId = typeof id === 'string' ? parseUserId(id) : undefined
    if (userId === undefined) return undefined
    if (sessionId === undefined) return { userId, role, sessionId }
    return typeof sessionId === 'string' && isSessionId(sessionId) ? { userId, role, sessionId } : undefined
  })
}

export default fp(callers, { name: 'callers', fastify: '5.x', dependencies: ['config'] })
