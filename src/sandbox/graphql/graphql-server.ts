import cors from '@fastify/cors'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { Authenticate, Session } from '../auth/authenticate.ts'
import { HasuraFault, parseFailed, requireType } from '../fault.ts'
import { parseJson, writeJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { Execute, GraphqlRequest } from './execute.ts'
import { renderGraphiql } from './graphiql.ts'

const json = 'application/json; charset=utf-8'

function readJson (body: string): unknown {
  try {
    return parseJson(body)
  } catch (error) {
    const [, position = 0] = /at position (\d+)$/.exec((error as Error).message) ?? []
    const rest = body.slice(Number(position)).trim()
    const found = rest === '' ? 'end-of-input' : JSON.stringify(rest.slice(0, 15))
    throw new HasuraFault('invalid-json', `Unexpected ${found}, expecting JSON value`)
  }
}

function readOne (value: unknown, path: string): GraphqlRequest {
  const parser = 'Hasura.GraphQL.Transport.HTTP.Protocol.GQLReq(GQLReq)'
  requireType(value, 'Object', parser, path)
  const { query, variables, operationName } = value as Json
  if (query === undefined) throw parseFailed(`parsing ${parser} failed, key "query" not found`, path)
  requireType(query, 'String', 'Text', `${path}.query`)
  requireType(variables ?? {}, 'Object', 'HashMap', `${path}.variables`)
  requireType(operationName ?? '', 'String', 'Text', `${path}.operationName`)
  return {
    query: query as string,
    variables: (variables ?? {}) as Json,
    operationName: (operationName ?? null) as string | null
  }
}

/**
 * Reads the body of a request to the GraphQL API.
 *
 * @returns one request, or an array of them
 * @throws HasuraFault if it is not JSON, or not a request
 */
function readRequestBody (body: string): GraphqlRequest | GraphqlRequest[] {
  const value = readJson(body)
  if (!Array.isArray(value)) return readOne(value, '$')
  return value.map((item, index) => readOne(item, `$[${index}]`))
}

/** Reads Hasura's list of origins, in which `*.` stands for one subdomain. */
function readOrigins (domains: string): true | RegExp[] {
  const origins = domains.split(',').map(origin => origin.trim())
  if (origins.includes('*')) return true
  const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return origins.map(origin => new RegExp(`^${origin.split('*.').map(escape).join('[^./:]+\\.')}$`))
}

/**
 * Makes an HTTP server like Hasura's, with `/healthz` and `/v1/version`.
 *
 * @param corsDomain - the origins of web pages, as in HASURA_GRAPHQL_CORS_DOMAIN: `*` or a comma-separated list
 */
export function createServer (corsDomain: string): FastifyInstance {
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
  server.get('/healthz', () => 'OK')
  server.get('/v1/version', () => ({ version: 'v2.51.0-sandbox' }))
  server.setNotFoundHandler((_request, reply) => (
    reply.code(404).send({ path: '$', error: 'resource does not exist', code: 'not-found' })
  ))
  return server
}

/**
 * Adds `/v1/graphql`, and GraphiQL for the browser. The status is always 200: Hasura reports errors in the body.
 *
 * @param isDevMode - whether everybody, and not only the administrator, sees the details of errors
 * @param log - receives errors that are bugs of the sandbox
 */
export function addGraphql (
  server: FastifyInstance, authenticate: Authenticate, execute: Execute, isDevMode: boolean, log: (line: string) => void
): void {
  const errorsOf = (error: unknown, session?: Session): string => {
    const fault = error instanceof HasuraFault ? error : new HasuraFault('unexpected', 'internal error')
    if (fault !== error) log(String(error))
    return writeJson({ errors: [isDevMode || session?.role === 'admin' ? fault.toAdmin() : fault] })
  }
  server.post<{ Body?: string }>('/v1/graphql', async ({ headers, body = '' }, reply) => {
    const session = await authenticate(headers)
    const requests = readRequestBody(body)
    const cookies: string[] = []
    const answers: string[] = []
    for (const request of [requests].flat()) {
      answers.push(await execute(request, { session, headers, cookies })
        .then(data => `{"data":${data}}`, (error: unknown) => errorsOf(error, session)))
    }
    if (cookies.length > 0) reply.header('set-cookie', cookies)
    return reply.type(json).send(Array.isArray(requests) ? `[${answers.join()}]` : answers.join())
  })
  server.setErrorHandler<Error & { code?: string }>((error, _request, reply) => {
    const isMisuse = error.code?.startsWith('FST_')
    return reply.code(200).type(json).send(errorsOf(isMisuse ? new HasuraFault('bad-request', error.message) : error))
  })
  server.get('/graphiql', async (_request, reply) => reply.type('text/html; charset=utf-8').send(await renderGraphiql(execute)))
}
