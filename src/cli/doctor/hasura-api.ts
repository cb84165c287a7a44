import type { FastifyInstance } from 'fastify'

/** Milliseconds for a request. An action that Hasura cannot reach takes longest: 10 seconds for `Refresh`. */
const timeoutMs = 30_000

interface GraphqlError { message: string, extensions?: { code?: unknown, internal?: unknown } }

/** An answer of `/v1/graphql`. */
export interface GraphqlAnswer {
  isGraphql: boolean
  /** Those of the first error. */
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
  /** The response to a preflight of a web page's request. */
  preflight: (origin: string) => Promise<Headers>
}

/** The header `Date` has whole seconds, so the skew is the least that explains it. */
function readSkew (headers: Headers, sentAt: number): number | undefined {
  const date = Date.parse(String(headers.get('date')))
  if (Number.isNaN(date)) return undefined
  const [earliest, latest] = [date - Date.now(), date + 999 - sentAt]
  return earliest > 0 ? earliest : Math.min(latest, 0)
}

function readGraphql (text: string): GraphqlAnswer {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    // Not GraphQL.
  }
  const { data, errors } = Object(body) as { data?: unknown, errors?: GraphqlError[] }
  const error = Array.isArray(errors) ? errors[0] : undefined
  const { code, internal } = error?.extensions ?? {}
  return {
    isGraphql: data !== undefined || error !== undefined,
    message: error?.message ?? '',
    ...error !== undefined && { code: String(code), internal }
  }
}

/** Requests to Hasura with the settings of the service. They throw the errors of `fetch`. */
export function hasuraApi ({ config, parsed }: FastifyInstance): HasuraApi {
  const base = parsed.HASURA_GRAPHQL_ENDPOINT.href.replace(/\/+$/, '')
  const admin = { 'x-hasura-admin-secret': config.HASURA_GRAPHQL_ADMIN_SECRET }
  const post = async (path: string, body: object, headers: Record<string, string>): Promise<Response> => (
    fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs)
    })
  )
  const graphql: HasuraApi['graphql'] = async (query, headers = {}) => {
    const sentAt = Date.now()
    const response = await post('/v1/graphql', { query }, headers)
    const skewMs = readSkew(response.headers, sentAt)
    return { ...readGraphql(await response.text()), ...skewMs !== undefined && { skewMs } }
  }
  return {
    graphql,
    asAdmin: async query => graphql(query, admin),
    async metadata (type, version = 1) {
      const response = await post('/v1/metadata', { type, version, args: {} }, admin)
      return response.ok ? await response.json() as Record<string, unknown> : undefined
    },
    async preflight (origin) {
      const { headers } = await fetch(`${base}/v1/graphql`, {
        method: 'OPTIONS',
        headers: {
          origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,authorization'
        },
        signal: AbortSignal.timeout(timeoutMs)
      })
      return headers
    }
  }
}
