import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import type { Execute, Request } from './execute.ts'
import { HasuraFault } from '../fault.ts'
import type { Authenticate, Session } from '../auth/authenticate.ts'

const requestSchema = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullable().default(null),
  operationName: z.string().nullable().default(null)
})

/** What GraphiQL opens with. */
const example = `mutation {
  Signup(email: "someone@test.com", password: "a-password") {
    id
    email
  }
}
`

function readRequest (body: unknown): Request {
  let value: unknown
  try {
    value = JSON.parse(String(body))
  } catch {
    throw new HasuraFault('invalid-json', 'Error in $: not valid JSON')
  }
  const { data, error } = requestSchema.safeParse(value)
  if (data !== undefined) return data
  const { path, message } = error.issues[0] ?? { path: [], message: '' }
  throw new HasuraFault('parse-failed', message, ['$', ...path].join('.'))
}

/**
 * Hasura's HTTP API: `/v1/graphql`, `/healthz` and `/v1/version`; in a browser, GraphiQL at `/`.
 *
 * @param report - is told of an error that is a bug of the sandbox and not the client's
 */
export function createGraphqlServer (
  { authenticate, execute, report }: { authenticate: Authenticate, execute: Execute, report: (error: unknown) => void }
): FastifyInstance {
  const server = Fastify({ bodyLimit: 67_108_864, forceCloseConnections: true })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => { done(null, body) })

  const answerOf = (error: unknown, session: Session | undefined): unknown => {
    if (error instanceof HasuraFault) return session?.role === 'admin' ? error.toAdmin() : error
    report(error)
    return new HasuraFault('unexpected', 'internal error')
  }

  // Whatever goes wrong, the status is 200: Hasura reports GraphQL errors in the body alone.
  server.post('/v1/graphql', async ({ headers, body }, reply) => {
    let session: Session | undefined
    try {
      session = await authenticate(headers)
      const { data, cookies } = await execute(readRequest(body), { session, headers })
      return await reply.headers(cookies.length > 0 ? { 'set-cookie': cookies } : {}).send({ data })
    } catch (error) {
      return { errors: [answerOf(error, session)] }
    }
  })
  server.setErrorHandler<Error>((error, _request, reply) => (
    reply.code(200).send({ errors: [new HasuraFault('bad-request', error.message)] })
  ))
  server.get('/healthz', () => 'OK')
  server.get('/v1/version', () => ({ version: 'v2.51.0-sandbox' }))
  server.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(renderGraphiQL({
    endpoint: '/v1/graphql', title: 'Sandbox', defaultQuery: example
  })))
  server.setNotFoundHandler((_request, reply) => (
    reply.code(404).send({ path: '$', error: 'resource does not exist', code: 'not-found' })
  ))
  return server
}
