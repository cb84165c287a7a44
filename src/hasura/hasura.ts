import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Histogram } from 'prom-client'
import { Pool } from 'undici'
import { ActionError } from '../errors.ts'
import type { TypedDocumentString } from '../generated/operations.ts'
import { HasuraError, readAnswer } from './answer.ts'
import { withRetry } from './retry.ts'
import { ConfigError } from '../config.ts'
import { buckets } from '../metrics.ts'

type Caller = Pick<FastifyRequest, 'id' | 'headers' | 'log'>

declare module 'fastify' {
  interface FastifyInstance {
    hasura: {
      /**
       * Runs one of the operations in `graphql/` with the admin secret.
       *
       * @param caller - the request that it is for: its id and its W3C trace context go along
       * @returns the `data` of the answer
       * @throws HasuraError with the first error that Hasura reports
       * @throws ActionError `hasura-unavailable` where there is no answer, or none that is GraphQL
       */
      request: <Result, Variables>(
        document: TypedDocumentString<Result, Variables>, variables: Variables, caller?: Caller
      ) => Promise<Result>
    }
  }
}

/** What may be logged of a failure: undici's `data` holds the answer, and so a stored hash. */
function describeFailure (error: unknown): Error {
  const { name, code, message } = error as NodeJS.ErrnoException
  // A DOMException's code is a number of an old list.
  return new Error([name, typeof code === 'string' ? code : '', message].filter(Boolean).join(' '))
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const traceparent = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

function tracingHeaders ({ id, headers }: Caller): Record<string, string> {
  const trace = String(headers['traceparent'])
  return { 'x-request-id': id, ...(traceparent.test(trace) && { traceparent: trace }) }
}

/**
 * Parses `HASURA_GRAPHQL_ENDPOINT`, the base URL of Hasura.
 *
 * @throws ConfigError if it is unusable
 */
export function parseEndpoint (endpoint: string): URL {
  const refuse = (problem: string): never => { throw new ConfigError('HASURA_GRAPHQL_ENDPOINT', problem) }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return refuse('is not an http or https URL: use one such as http://localhost:8080')
  }
  if (url.username + url.password !== '') {
    refuse('contains a user name or a password: remove them, since Hasura checks HASURA_GRAPHQL_ADMIN_SECRET')
  }
  if (url.search + url.hash !== '') refuse('contains a query or a fragment: remove everything from the ? or # on')
  if (/\/v1\/graphql\/*$/.test(url.pathname)) refuse('must be the base URL: remove /v1/graphql from its end')
  return url
}

/** The largest answer that is read, in bytes. Answers to this service's operations are a thousandth of it. */
const maxAnswerBytes = 1_048_576

/** How an answer is got: a pool of kept-alive connections, within the configured bounds of time and size. */
function createSend (fastify: FastifyInstance) {
  const { HASURA_GRAPHQL_ENDPOINT, HASURA_GRAPHQL_ADMIN_SECRET, HASURA_TIMEOUT_SECONDS } = fastify.config
  const url = parseEndpoint(HASURA_GRAPHQL_ENDPOINT)
  const path = `${url.pathname.replace(/\/+$/, '')}/v1/graphql`
  const ownHeaders = { 'content-type': 'application/json', 'x-hasura-admin-secret': HASURA_GRAPHQL_ADMIN_SECRET }
  const timeout = HASURA_TIMEOUT_SECONDS * 1000
  const pool = new Pool(url.origin, {
    connections: 64,
    connect: { timeout: timeout / 2 },
    // The caller's signal limits the whole request.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: maxAnswerBytes
  })
  fastify.addHook('onClose', async () => { await pool.destroy() })

  return async (body: string, headers: Record<string, string>, signal: AbortSignal): Promise<unknown> => {
    const response = await pool.request({ method: 'POST', path, headers: { ...ownHeaders, ...headers }, body, signal })
    return readAnswer(response.statusCode, await response.body.text())
  }
}

function createMetrics ({ metrics }: FastifyInstance) {
  const registers = [metrics]
  return {
    duration: new Histogram({
      registers,
      buckets,
      name: 'hasura_jwt_auth_hasura_request_duration_seconds',
      help: 'Time of an operation on Hasura by name and outcome: success, error (reported by Hasura) or unavailable',
      labelNames: ['operation', 'outcome']
    }),
    retries: new Counter({
      registers,
      name: 'hasura_jwt_auth_hasura_retries_total',
      help: 'Operations that were sent to Hasura once more',
      labelNames: ['operation']
    })
  }
}

/** `fastify.hasura`: the client for Hasura. */
async function hasura (fastify: FastifyInstance): Promise<void> {
  const send = createSend(fastify)
  const timeout = fastify.config.HASURA_TIMEOUT_SECONDS * 1000
  const { duration, retries } = createMetrics(fastify)

  fastify.decorate('hasura', {
    async request<Result, Variables> (
      document: TypedDocumentString<Result, Variables>, variables: Variables, caller?: Caller
    ) {
      const query = document.toString()
      const [, kind = '', operation = ''] = /(query|mutation) (\w+)/.exec(query) ?? []
      const body = JSON.stringify({ query, variables })
      const headers = caller === undefined ? {} : tracingHeaders(caller)
      const signal = AbortSignal.timeout(timeout)
      const stop = duration.startTimer({ operation })
      const onRetry = (error: unknown): void => {
        caller?.log.warn({ err: describeFailure(error), operation }, 'Hasura is asked once more')
        retries.inc({ operation })
      }
      try {
        const data = await withRetry(kind, async () => send(body, headers, signal), onRetry)
        stop({ outcome: 'success' })
        return data as Result
      } catch (cause) {
        stop({ outcome: cause instanceof HasuraError ? 'error' : 'unavailable' })
        if (cause instanceof HasuraError) throw cause
        throw new ActionError('hasura-unavailable', 'Hasura is unavailable', { cause: describeFailure(cause) })
      }
    }
  })
}

export default fp(hasura, { name: 'hasura', fastify: '5.x', dependencies: ['config', 'metrics'] })
