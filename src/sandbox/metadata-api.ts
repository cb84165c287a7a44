import type { FastifyInstance } from 'fastify'
import type { Authenticate } from './auth/authenticate.ts'

/**
 * Adds the part of Hasura's metadata API that reads: `export_metadata` of version 2, and `get_inconsistent_metadata`.
 * Metadata of the sandbox is always consistent, because it does not start otherwise.
 */
export function addMetadataApi (server: FastifyInstance, authenticate: Authenticate, metadata: object): void {
  const answers: Record<string, object> = {
    export_metadata: { resource_version: 1, metadata },
    get_inconsistent_metadata: { is_consistent: true, inconsistent_objects: [] }
  }
  server.post<{ Body?: string }>('/v1/metadata', async ({ headers, body = '{}' }, reply) => {
    const session = await authenticate(headers).catch(() => undefined)
    if (session?.role !== 'admin') {
      return reply.code(session === undefined ? 401 : 400).send({ path: '$', error: 'restricted access : admin only', code: 'access-denied' })
    }
    const { type } = JSON.parse(body) as { type?: string }
    const answer = answers[String(type)]
    return answer ?? reply.code(400).send({ path: '$', error: `The sandbox does not support ${String(type)}`, code: 'not-supported' })
  })
}
