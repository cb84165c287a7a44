import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { request } from 'undici'

/** Milliseconds for a request. An action that Hasura cannot reach takes longest: 10 seconds for `Refresh`. */
const timeoutMs = 30_000

interface HttpAnswer {
  status: number
  headers: IncomingHttpHeaders
  /** The parsed body; undefined if it is not JSON. */
  body: unknown
}

/** An answer of `/v1/graphql`. */
export interface GraphqlAnswer {
  /** The HTTP status, only if the body is not an answer of a GraphQL server. */
  foreignStatus?: number
  data?: unknown
  /** `code`, `message` and `internal` are those of the first error. */
  code?: string
  message: string
  internal?: unknown
  /** Milliseconds by which Hasura's clock is ahead of this machine's, if the answer has a date. */
  skewMs?: number
}

export interface HasuraApi {
  graphql: (query: string, headers?: Record<string, string>) => Promise<GraphqlAnswer>
  asAdmin: (query: string) => Promise<GraphqlAnswer>
  /** A request to the metadata API; undefined if Hasura does not serve it. */
  metadata: (type: string, version?: number) => Promise<Record<string, unknown> | undefined>
  /** The origin that Hasura's CORS headers allow to a web page of this origin. */
  allowedOrigin: (origin: string) => Promise<unknown>
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function send (
  url: string, method: 'POST' | 'OPTIONS', headers: Record<string, string>, body?: object
): Promise<HttpAnswer> {
  const response = await request(url, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs)
  })
  return { status: response.statusCode, headers: response.headers, body: parseJson(await response.body.text()) }
}

/** Returns the smallest skew that explains the header `Date`, which has whole seconds. */
function readSkew ({ date: header }: IncomingHttpHeaders, sentAt: number): number | undefined {
  const date = Date.parse(String(header))
  if (Number.isNaN(date)) return undefined
  const [earliest, latest] = [date - Date.now(), date + 999 - sentAt]
  return earliest > 0 ? earliest : Math.min(latest, 0)
}

interface GraphqlError { message: string, extensions?: { code?: unknown, internal?: unknown } }

function readGraphql ({ status, body }: HttpAnswer): GraphqlAnswer {
  const { data, errors } = Object(body) as { data?: unknown, errors?: GraphqlError[] }
  const error = Array.isArray(errors) ? errors[0] : undefined
  if (error !== undefined) {
    const { code, internal } = error.extensions ?? {}
    return { code: String(code), message: error.message, internal }
  }
  return data === undefined ? { foreignStatus: status, message: '' } : { data, message: '' }
}

/** Sends requests to Hasura with the settings of the service. All of them throw the errors of undici. */
export function hasuraApi ({ config, parsed }: FastifyInstance): HasuraApi {
  const base = parsed.HASURA_GRAPHQL_ENDPOINT.href.replace(/\/+$/, '')
  const admin = { 'x-hasura-admin-secret': config.HASURA_GRAPHQL_ADMIN_SECRET }
  const graphql: HasuraApi['graphql'] = async (query, headers = {}) => {
    const sentAt = Date.now()
    const answer = await send(`${base}/v1/graphql`, 'POST', headers, { query })
    const skewMs = readSkew(answer.headers, sentAt)
    return { ...readGraphql(answer), ...skewMs !== undefined && { skewMs } }
  }
  return {
    graphql,
    asAdmin: async query => graphql(query, admin),
    async metadata (type, version = 1) {
      const { status, body } = await send(`${base}/v1/metadata`, 'POST', admin, { type, version, args: {} })
      return status === 200 ? body as Record<string, unknown> | undefined : undefined
    },
    async allowedOrigin (origin) {
      const { headers } = await send(`${base}/v1/graphql`, 'OPTIONS', {
        origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,authorization'
      })
      return headers['access-control-allow-origin']
    }
  }
}
