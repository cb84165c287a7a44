import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import type { FastifyError, FastifyHttpOptions, FastifyInstance, FastifyRequest } from 'fastify'
import { LogController } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError } from '../errors.ts'
import { answerBrokenRequest, answerError, answerFrameworkError, describeInvalidInput } from './error-answers.ts'

/** Returns the options to construct Fastify with. */
export function serverOptions () {
  return {
    http: {
      // Milliseconds for the headers of a request. Slow senders must not occupy connections.
      headersTimeout: 10_000,
      // Milliseconds between two checks of the time limits.
      connectionsCheckingInterval: 1000,
      // Node's own refusal of a request without a Host header has no body. The hook below sends one.
      requireHostHeader: false
    },
    // Milliseconds for a whole request to arrive.
    requestTimeout: 15_000,
    // Longer than the 60 seconds of most proxies, which then never reuse a connection that this side has closed.
    keepAliveTimeout: 72_000,
    // The longest email and password fit several times, beside Hasura's session variables and the client's document.
    bodyLimit: 16_384,
    // Fastify limits the time of the whole start to 10 seconds. A small or busy machine may need longer.
    pluginTimeout: 0,
    // A base URL that ends in a slash makes paths such as //login.
    routerOptions: { ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
    // request-log.ts writes one line for each request.
    logController: new LogController({ disableRequestLogging: true }),
    // Unique across replicas: the requests to Hasura carry it, and Hasura logs it.
    genReqId: () => randomUUID(),
    // Requests on open connections are answered during shutdown: Hasura would report a 503 as "internal error".
    return503OnClosing: false,
    logger: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    schemaErrorFormatter: describeInvalidInput,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: answerFrameworkError
  } satisfies FastifyHttpOptions<Server>
}

/** Makes Fastify see what Node.js would drop, or answer without a body. */
function prepareServer ({ server }: FastifyInstance): void {
  // Node.js drops the headers beyond a number without an error. Its limit on their size, 16 KiB, is enough.
  server.maxHeadersCount = 0
  server.on('checkExpectation', (request, response) => { server.emit('request', request, response) })
}

function checkHeaders ({ headers, raw }: FastifyRequest): void {
  // RFC 9112, section 3.2.
  if (headers.host === undefined && raw.httpVersion === '1.1') {
    throw new ActionError('bad-request', 'The Host header is missing')
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new ActionError('bad-request', 'The only supported expectation is 100-continue')
  }
}

/** Removes what the router ignores: the query, duplicate slashes and a slash at the end. */
function routeOf (url: string): string {
  return url.replace(/\?.*$/s, '').replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}

/** Answers unknown paths and methods in a hook, because Fastify's not-found handler runs after the body is parsed. */
function refuseUnknownRoutes (fastify: FastifyInstance): void {
  // `fastify.hasRoute` takes a pattern, and throws at a path that is not one.
  const methods = new Map<string, string[]>()
  fastify.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [method, ...methods.get(url) ?? []].flat().sort())
  })
  fastify.addHook('onRequest', async (request) => {
    if (!request.is404) return
    const allow = methods.get(routeOf(request.url))?.join(', ')
    if (allow === undefined) throw new ActionError('not-found', 'There is nothing at this path')
    throw new ActionError('method-not-allowed', `The method must be ${allow}`, { headers: { allow } })
  })
}

/** Accepts JSON in UTF-8 without a content encoding, and nothing else. */
function acceptJsonOnly (fastify: FastifyInstance): void {
  fastify.addHook('preParsing', async (request: FastifyRequest) => {
    const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
    const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1] ?? 'utf-8'
    if (encoding.toLowerCase() === 'identity' && /^utf-?8$/i.test(charset)) return
    throw new ActionError('unsupported-media-type', 'The request body must be UTF-8 without a content encoding')
  })

  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => {
    try {
      // Decoding replaces invalid bytes by one character, which would make different passwords equal.
      if (isUtf8(body)) return JSON.parse(body.toString()) as unknown
    } catch {
      // The parser's own message quotes the body, which contains the password.
    }
    throw new ActionError('invalid-json', 'The request body is not valid JSON in UTF-8')
  })
}

/** What all routes share: checks of the request in the order of the contract, JSON bodies, and the shape of errors. */
async function http (fastify: FastifyInstance): Promise<void> {
  prepareServer(fastify)
  fastify.setErrorHandler<FastifyError>(answerError)
  fastify.addHook('onRequest', async (request) => { checkHeaders(request) })
  refuseUnknownRoutes(fastify)
  acceptJsonOnly(fastify)
}

export default fp(http, { name: 'http', fastify: '5.x', dependencies: ['request-log'] })
