import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Pool } from 'undici'
import { ActionError } from '../errors.ts'
import type { TypedDocumentString } from '../generated/operations.ts'
import { ConfigError } from './config.ts'

/** An error that Hasura reports for an operation: its message, its `extensions.code` and its `extensions.path`. */
export class HasuraError extends Error {
  readonly code: string
  readonly path: string

  constructor (message: string, code: string, path: string) {
    super(message)
    this.name = 'HasuraError'
    this.code = code
    this.path = path
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    hasura: {
      /**
       * Runs one of the operations in `graphql/` with the admin secret.
       *
       * @returns the `data` of the answer
       * @throws HasuraError with the first error that Hasura reports
       * @throws ActionError `hasura-unavailable` where there is no answer, or none that is GraphQL
       */
      request: <Result, Variables>(
        document: TypedDocumentString<Result, Variables>, variables: Variables
      ) => Promise<Result>
    }
  }
}

interface GraphQLAnswer {
  data?: unknown
  errors?: Array<{ message?: unknown, extensions?: { code?: unknown, path?: unknown } } | null>
}

/**
 * Reads an answer of `/v1/graphql`. The HTTP status proves nothing: Hasura answers 200 for every GraphQL error. Only
 * message, code and path are kept, because `extensions.internal` repeats the arguments, hashes included.
 */
function readAnswer (text: string): unknown {
  const { data, errors } = JSON.parse(text) as GraphQLAnswer
  const error = Array.isArray(errors) ? errors[0] : undefined
  if (typeof error?.message === 'string') {
    const { code, path } = error.extensions ?? {}
    throw new HasuraError(error.message, String(code), String(path))
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data
  throw new TypeError('the answer is not GraphQL')
}

/** What may be logged of a failure: a parser's message, and undici's `data`, hold the answer and so a stored hash. */
function describeFailure (error: unknown): Error {
  if (error instanceof SyntaxError) return new Error('the answer is not JSON')
  const { name, code, message } = error as NodeJS.ErrnoException
  return new Error([name, code, message].filter(Boolean).join(' '))
}

function parseEndpoint (endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError('HASURA_GRAPHQL_ENDPOINT', 'is not an http or https URL: use one such as http://localhost:8080')
  }
  if (url.pathname.endsWith('/v1/graphql')) {
    throw new ConfigError('HASURA_GRAPHQL_ENDPOINT', 'must be the base URL: take /v1/graphql off its end')
  }
  return url
}

/** `fastify.hasura`: the client for Hasura, on a pool of kept-alive connections. */
async function hasura (fastify: FastifyInstance): Promise<void> {
  const url = parseEndpoint(fastify.config.HASURA_GRAPHQL_ENDPOINT)
  const path = `${url.pathname.replace(/\/$/, '')}/v1/graphql`
  const headers = {
    'content-type': 'application/json',
    'x-hasura-admin-secret': fastify.config.HASURA_GRAPHQL_ADMIN_SECRET
  }
  const timeout = fastify.config.HASURA_TIMEOUT_SECONDS * 1000
  const pool = new Pool(url.origin, { connections: 64, maxResponseSize: 1_048_576 })
  fastify.addHook('onClose', async () => { await pool.destroy() })

  fastify.decorate('hasura', {
    async request<Result, Variables> (document: TypedDocumentString<Result, Variables>, variables: Variables) {
      try {
        const body = JSON.stringify({ query: document.toString(), variables })
        const signal = AbortSignal.timeout(timeout)
        const response = await pool.request({ method: 'POST', path, headers, body, signal })
        return readAnswer(await response.body.text()) as Result
      } catch (cause) {
        if (cause instanceof HasuraError) throw cause
        throw new ActionError('hasura-unavailable', 'Hasura is unavailable', { cause: describeFailure(cause) })
      }
    }
  })
}

export default fp(hasura, { name: 'hasura', fastify: '5.x', dependencies: ['config'] })
