/**
 * The service, as a process, with one more route: `/least/refresh` is the least action that makes one call to Hasura
 * and signs. It has what every action has (secret, schema, limits, metrics, log line), and neither reads nor makes a
 * refresh token.
 */
import Fastify from 'fastify'
import app, { serverOptions } from '../src/app.ts'
import type { JsonWebToken } from '../src/generated/actions.ts'
import { RefreshSessionDocument } from '../src/generated/operations.ts'
import { registerAction } from '../src/http/register-action.ts'

const now = new Date().toISOString()
const variables = {
  id: '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6', generation: 3, next_generation: 4, now, grace_start: now, idle_expires_at: now
}
const nullable = { type: 'string', nullable: true } as const

const fastify = Fastify(serverOptions())
await fastify.register(app, { env: process.env })
await fastify.register(async (fastify) => {
  registerAction<{ refresh_token?: string | null }, JsonWebToken>(fastify, {
    name: 'Refresh',
    input: { refresh_token: nullable },
    output: {
      token: { type: 'string' }, expires_in: { type: 'integer', nullable: true }, refresh_token: nullable, session_id: nullable
    },
    async handler (_input, { request }) {
      const { swap } = await fastify.hasura.request(RefreshSessionDocument, variables, request)
      const [session] = swap?.returning ?? []
      if (session === undefined) throw new Error('the stand-in for Hasura refreshes every session')
      return { token: fastify.jwt.sign(session.user) }
    }
  })
}, { prefix: '/least' })
await fastify.listen({ host: '127.0.0.1', port: 0 })
