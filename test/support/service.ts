import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, RequestListener } from 'node:http'
import { json } from 'node:stream/consumers'
import Fastify from 'fastify'
import type { InjectOptions } from 'fastify'
import type { Test } from 'tap'
import app, { serverOptions } from '../../src/app.ts'
import type { Environment } from '../../src/config.ts'
import { answerFromSchema } from './schema-answer.ts'

/** Settings for a service: the cheapest hashes, and time limits that even a busy machine keeps. */
export const settings = {
  HASURA_GRAPHQL_ENDPOINT: 'http://127.0.0.1:1',
  HASURA_GRAPHQL_ADMIN_SECRET: 'admin-secret-of-the-tests',
  HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"a-key-of-at-least-thirty-two-bytes"}',
  ACTION_SECRET: 'action-secret-of-the-tests',
  ARGON2_MEMORY_KIB: '8',
  ARGON2_PASSES: '1',
  HASURA_TIMEOUT_SECONDS: '60',
  PASSWORD_QUEUE_MILLISECONDS: '25000',
  SHUTDOWN_GRACE_SECONDS: '300'
}

/** The service with `env` added to the settings above, its log, and shorthands for requests with the action secret. */
export async function service (t: Test, env: Environment = {}) {
  const lines: string[] = []
  const stream = { write: (line: string) => { lines.push(line) } }
  const fastify = Fastify({ ...serverOptions(), logger: { stream } })
  t.teardown(() => fastify.close())
  await fastify.register(app, { env: { ...settings, ...env } })
  const headers = { 'x-hasura-action-secret': settings.ACTION_SECRET }
  return {
    fastify,
    log: () => lines.map(line => JSON.parse(line) as Record<string, unknown>),
    inject: async (options: InjectOptions) => {
      const response = await fastify.inject({ method: 'POST', ...options, headers: { ...headers, ...options.headers } })
      return { status: response.statusCode, headers: response.headers, body: response.json<unknown>() }
    },
    call: async (path: string, input: unknown) => {
      const response = await fastify.inject({ method: 'POST', url: path, headers, payload: { input } })
      return { status: response.statusCode, body: response.json<Record<string, unknown>>() }
    }
  }
}

/** Starts an HTTP server on a free port and returns its URL. */
export async function serverOf (t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/**
 * A stand-in for Hasura with one answer for each operation. `asked` holds the requests that it received. It answers the
 * checks of readiness itself, and does not record them, unless `answers` names them. An answer may be a promise.
 */
export async function hasuraOf (t: Test, answers: Record<string, unknown>) {
  const asked: Array<{ operation: string, variables: Record<string, unknown>, request: IncomingMessage }> = []
  const url = await serverOf(t, (request, response) => {
    void json(request).then(async (body) => {
      const { query, variables } = body as { query: string, variables: Record<string, unknown> }
      const operation = /(?:query|mutation) (\w+)/.exec(query)?.[1] ?? ''
      const isCheck = ['Schema', 'Ready'].includes(operation) && !(operation in answers)
      if (!isCheck) asked.push({ operation, variables, request })
      const answer = isCheck ? await answerFromSchema(query) : await answers[operation]
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
    })
  })
  return { url, asked }
}

/** The body of an error answer. The seconds until the next try are in the message and in the extensions. */
export function failure (code: string, message: string) {
  const seconds = /try again in (\d+) second/.exec(message)?.[1]
  return { message, extensions: { path: '$', code, ...(seconds !== undefined && { retry_after_seconds: Number(seconds) }) } }
}
