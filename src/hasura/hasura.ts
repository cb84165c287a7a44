import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Histogram } from 'prom-client'
import { ActionError } from '../errors.ts'
import type { TypedDocumentString } from '../generated/operations.ts'
import { buckets } from '../metrics.ts'
import { HasuraError, isDatabaseAway } from './answer.ts'
import { openConnection } from './connection.ts'
import { withRetry } from './retry.ts'

type Caller = Pick<FastifyRequest, 'id' | 'headers' | 'log'>

declare module 'fastify' {
  interface FastifyInstance {
    hasura: {
      /**
       * Runs an operation of `graphql/` with the admin secret.
       *
       * @param caller - the request that needs it. Its id and W3C trace context are sent along
       * @returns the answer's `data`
       * @throws HasuraError with the first error that Hasura reports
       * @throws ActionError `hasura-unavailable` if Hasura or its PostgreSQL cannot be reached or answers no GraphQL
       */
      request: <Result, Variables>(
        document: TypedDocumentString<Result, Variables>, variables: Variables, caller?: Caller
      ) => Promise<Result>
    }
  }
}

/** Keeps only what may be logged of a failure: undici's `data` holds the answer, which may contain a stored hash. */
function describeFailure (error: unknown): Error {
  if (error instanceof HasuraError) return error
  const { name, code, message } = error as NodeJS.ErrnoException
  // The code of a DOMException is a number from a legacy list.
  if (typeof code !== 'string') return new Error(`${name} ${message}`)
  return Object.assign(new Error([name, code, message].filter(Boolean).join(' ')), { code })
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
const traceparent = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

function tracingHeaders ({ id, headers }: Caller): Record<string, string> {
  const trace = String(headers['traceparent'])
  return { 'x-request-id': id, ...(traceparent.test(trace) && { traceparent: trace }) }
}

function createMetrics ({ metrics }: FastifyInstance) {
  const registers = [metrics]
  return {
    duration: new Histogram({
      registers,
      buckets,
      name: 'hasura_jwt_auth_hasura_request_duration_seconds',
      help: 'Duration of an operation on Hasura by name and outcome: success, error (reported by Hasura) or unavailable',
      labelNames: ['operation', 'outcome']
    }),
    retries: new Counter({
      registers,
      name: 'hasura_jwt_auth_hasura_retries_total',
      help: 'Operations that were sent to Hasura a second time',
      labelNames: ['operation']
    })
  }
}

/** The kind and the name of the operation in a document. */
const definition = /^[^]*\b(query|mutation) (\w+)[^]*$/

/** What is known of a document before it runs. `head` is the beginning of its request in JSON. */
interface Prepared { kind: string, operation: string, head: string }

function prepare (query: string): Prepared {
  return {
    kind: query.replace(definition, '$1'),
    operation: query.replace(definition, '$2'),
    head: `{"query":${JSON.stringify(query)},"variables":`
  }
}

/** `fastify.hasura`: the client for Hasura. */
async function hasura (fastify: FastifyInstance): Promise<void> {
  const { send, close } = openConnection(fastify.parsed.HASURA_GRAPHQL_ENDPOINT, fastify.config)
  fastify.addHook('onClose', close)
  const timeout = fastify.config.HASURA_TIMEOUT_SECONDS * 1000
  const { duration, retries } = createMetrics(fastify)
  // Documents are constants, so each is read once: reading a long one for every request costs measurable time.
  const documents = new WeakMap<object, Prepared>()

  fastify.decorate('hasura', {
    async request<Result, Variables> (
      document: TypedDocumentString<Result, Variables>, variables: Variables, caller?: Caller
    ) {
      const prepared = documents.get(document) ?? prepare(document.toString())
      documents.set(document, prepared)
      const { kind, operation, head } = prepared
      const body = `${head}${JSON.stringify(variables)}}`
      const headers = caller === undefined ? {} : tracingHeaders(caller)
      // AbortSignal.timeout costs more, and its timer outlives the request.
      const controller = new AbortController()
      const timer = setTimeout(() => {
        controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
      }, timeout)
      const { signal } = controller
      const stopTimer = duration.startTimer({ operation })
      const finish = (outcome: string): void => {
        clearTimeout(timer)
        stopTimer({ outcome })
      }
      const onRetry = (error: unknown): void => {
        caller?.log.warn({ err: describeFailure(error), operation }, 'the operation is sent to Hasura again')
        retries.inc({ operation })
      }
      try {
        const data = await withRetry(kind, async () => send(body, headers, signal), onRetry)
        finish('success')
        return data as Result
      } catch (error) {
        const isReported = error instanceof HasuraError && !isDatabaseAway(error)
        finish(isReported ? 'error' : 'unavailable')
        if (isReported) throw error
        throw new ActionError('hasura-unavailable', 'Hasura is unavailable', { cause: describeFailure(error) })
      }
    }
  })
}

export default fp(hasura, { name: 'hasura', fastify: '5.x', dependencies: ['config', 'metrics'] })
