import cors from '@fastify/cors'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { Authenticate, Session } from '../auth/authenticate.ts'
import { HasuraFault } from '../fault.ts'
import { writeJson } from '../json.ts'
import type { Execute, GraphqlRequest } from './execute.ts'
import { renderGraphiql } from './graphiql.ts'
import { readRequestBody } from './request-body.ts'
import type { Client } from './root-field.ts'

export interface GraphqlServerOptions {
  authenticate: Authenticate
  execute: Execute
  /** The origins that web pages may have, as in Hasura's HASURA_GRAPHQL_CORS_DOMAIN: `*` or a comma-separated list. */
  corsDomain: string
  /** Whether everybody, and not only the administrator, sees the details of errors. */
  isDevMode: boolean
  /** Receives errors that are bugs of the sandbox. */
  report: (error: unknown) => void
}

/** Reads Hasura's list of origins, in which `*.` stands for one subdomain. */
function readOrigins (domains: string): true | RegExp[] {
  const origins = domains.split(',').map(origin => origin.trim())
  if (origins.includes('*')) return true
  const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return origins.map(origin => new RegExp(`^${origin.split('*.').map(escape).join('[^./:]+\\.')}$`))
}

/** Makes Hasura's HTTP API: `/v1/graphql`, `/healthz` and `/v1/version`; in a browser, GraphiQL at `/graphiql`. */
export function createGraphqlServer (
  { authenticate, execute, corsDomain, isDevMode, report }: GraphqlServerOptions
): FastifyInstance {
  const server = Fastify({ bodyLimit: 67_108_864, forceCloseConnections: true })
  server.register(cors, {
    origin: readOrigins(corsDomain),
    credentials: true,
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    maxAge: 1_728_000,
    strictPreflight: false
  })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => { done(null, body) })

  const faultOf = (error: unknown, session: Session | undefined): unknown => {
    if (error instanceof HasuraFault) return isDevMode || session?.role === 'admin' ? error.toAdmin() : error
    report(error)
    return new HasuraFault('unexpected', 'internal error')
  }
  const errorsOf = (error: unknown, session?: Session): string => writeJson({ errors: [faultOf(error, session)] })
  const answerOne = async (request: GraphqlRequest, client: Client): Promise<string> => (
    execute(request, client).then(data => `{"data":${data}}`, (error: unknown) => errorsOf(error, client.session))
  )
  const answer = async (body: string, client: Client): Promise<string> => {
    const request = readRequestBody(body)
    if (!Array.isArray(request)) return answerOne(request, client)
    const answers: string[] = []
    for (const item of request) answers.push(await answerOne(item, client))
    return `[${answers.join()}]`
  }

  // The status is always 200: Hasura reports GraphQL errors only in the body.
  server.post<{ Body?: string }>('/v1/graphql', async ({ headers, body = '' }, reply) => {
    const cookies: string[] = []
    let session: Session | undefined
    let json: string
    try {
      session = await authenticate(headers)
      json = await answer(body, { session, headers, cookies })
    } catch (error) {
      json = errorsOf(error, session)
    }
    if (cookies.length > 0) reply.header('set-cookie', cookies)
    return reply.type('application/json; charset=utf-8').send(json)
  })
  server.setErrorHandler<Error>((error, _request, reply) => (
    reply.code(200).send({ errors: [new HasuraFault('bad-request', error.message)] })
  ))
  server.get('/healthz', () => 'OK')
  server.get('/v1/version', () => ({ version: 'v2.51.0-sandbox' }))
  server.get('/graphiql', async (_request, reply) => reply.type('text/html; charset=utf-8').send(await renderGraphiql(execute)))
  server.setNotFoundHandler((_request, reply) => (
    reply.code(404).send({ path: '$', error: 'resource does not exist', code: 'not-found' })
  ))
  return server
}
