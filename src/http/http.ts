import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isUtf8 } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type {
  FastifyError, FastifyHttpOptions, FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError
} from 'fastify'
import { LogController } from 'fastify'
import fp from 'fastify-plugin'
import { ActionError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/**
 * The options to construct Fastify with.
 *
 * @param stream - where the log goes; standard output by default
 */
export function serverOptions (stream?: { write (line: string): void }) {
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
    // A base URL that ends in a slash makes paths such as //login.
    routerOptions: { ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
    logController: new LogController({ disableRequestLogging: true }),
    // Unique among replicas: Hasura gets it as the id of what is asked of it, and logs it.
    genReqId: () => randomUUID(),
    // While closing, requests on open connections are still answered: a 503 would reach clients as "internal error".
    return503OnClosing: false,
    // Pino's own way to standard output is shorter than that through process.stdout.
    logger: stream === undefined ? true : { stream },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
    schemaErrorFormatter: describeInvalidInput,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: answerFrameworkError
  } satisfies FastifyHttpOptions<Server>
}

/** Codes of Fastify's own refusals. Whatever else it refuses with a 4xx is a `bad-request`. */
const fastifyCodes: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'The content type must be application/json'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload-too-large', 'The request body is too large'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 'The request body does not have the length that was announced']
}

function toActionError (error: FastifyError): ActionError {
  if (error instanceof ActionError) return error
  const [code, message] = fastifyCodes[error.code] ?? ['bad-request', 'The request is malformed']
  if (error.statusCode !== undefined && error.statusCode < 500) return new ActionError(code, message)
  return new ActionError('internal', 'internal error', { cause: error })
}

function answerError (cause: FastifyError, reply: FastifyReply): void {
  const error = toActionError(cause)
  // What the framework refuses before any hook has no attempt yet.
  reply.request.attempt = { ...reply.request.attempt, code: error.code }
  if (error.cause !== undefined && error.statusCode >= 500) reply.log.error({ err: error.cause }, error.message)
  void reply.code(error.statusCode).headers(error.headers).type('application/json; charset=utf-8').send(error.toJSON())
}

/** Answers what Fastify refuses before any hook, such as a path that cannot be decoded. */
function answerFrameworkError (cause: FastifyError, { server }: FastifyRequest, reply: FastifyReply): void {
  const { code, statusCode } = toActionError(cause)
  server.refused(code, statusCode)
  answerError(cause, reply)
}

/** Names the field that the JSON Schema of an action refuses. Values are never repeated. */
function describeInvalidInput ([error]: FastifySchemaValidationError[]): ActionError {
  const path = String(error?.instancePath).slice(1).replaceAll('/', '.')
  const at = (name: unknown): string => (path === '' ? String(name) : `${path}.${String(name)}`)
  switch (error?.keyword) {
    case 'required': return new ActionError('validation-failed', `${at(error.params['missingProperty'])} is missing`)
    case 'additionalProperties': {
      const name = String(error.params['additionalProperty']).slice(0, 64)
      return new ActionError('validation-failed', `${at(name)} is not an argument of this action`)
    }
    case 'const': {
      return new ActionError('validation-failed', `${path} must be ${String(error.params['allowedValue'])} on this route`)
    }
    default: return new ActionError('validation-failed', `${path || 'the request body'} ${String(error?.message)}`)
  }
}

const nodeCodes: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'The request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request took too long to arrive']
}

/** Answers what Node's HTTP parser refuses before Fastify sees it, in the same shape as every other error. */
function answerBrokenRequest (this: FastifyInstance, cause: Error & { code?: string }, socket: Socket): void {
  if (cause.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const error = new ActionError(...(nodeCodes[String(cause.code)] ?? ['bad-request', 'The request is not valid HTTP']))
  this.refused(error.code, error.statusCode)
  const body = JSON.stringify(error)
  socket.write([
    `HTTP/1.1 ${error.statusCode} ${String(STATUS_CODES[error.statusCode])}`, 'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', body
  ].join('\r\n'))
  // At once, so that the handler of a request that was under way cannot write an answer of its own behind this one.
  socket.destroy()
}

function refuseExpectation (this: FastifyInstance, _request: IncomingMessage, response: ServerResponse): void {
  const error = new ActionError('expectation-failed', 'The only expectation supported is 100-continue')
  const body = JSON.stringify(error)
  this.refused(error.code, error.statusCode)
  response.writeHead(error.statusCode, {
    'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body), 'connection': 'close'
  }).end(body)
}

/** Removes what the router ignores: the query, duplicate slashes and a slash at the end. */
function routeOf (url: string): string {
  return url.replace(/\?.*$/s, '').replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}

/**
 * What every route shares: unknown paths and methods are refused before anything else is looked at, bodies are JSON in
 * UTF-8 without a content encoding, and every error has the one shape.
 */
async function http (fastify: FastifyInstance): Promise<void> {
  fastify.server.on('checkExpectation', refuseExpectation.bind(fastify))

  fastify.setErrorHandler<FastifyError>((error, _request, reply) => { answerError(error, reply) })

  // Kept here because `fastify.hasRoute` takes a pattern, and throws at a path that is none.
  const methods = new Map<string, string[]>()
  fastify.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [method, ...methods.get(url) ?? []].flat().sort())
  })

  // In onRequest and not in a not-found handler, which Fastify runs only after it has parsed the body.
  fastify.addHook('onRequest', async (request: FastifyRequest) => {
    // RFC 9112, section 3.2.
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      throw new ActionError('bad-request', 'The Host header is missing')
    }
    if (!request.is404) return
    const allow = methods.get(routeOf(request.url))?.join(', ')
    if (allow === undefined) throw new ActionError('not-found', 'There is nothing at this path')
    throw new ActionError('method-not-allowed', `The method must be ${allow}`, { headers: { allow } })
  })

  fastify.addHook('preParsing', async (request: FastifyRequest) => {
    const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
    const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1] ?? 'utf-8'
    if (encoding.toLowerCase() === 'identity' && /^utf-?8$/i.test(charset)) return
    throw new ActionError('unsupported-media-type', 'The request body must be UTF-8 without a content encoding')
  })

  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => {
    try {
      // Decoding would replace invalid bytes by one character, and so make different passwords one.
      if (isUtf8(body)) return JSON.parse(body.toString()) as unknown
    } catch {
      // The parser's own message quotes the body, and with it the password.
    }
    throw new ActionError('invalid-json', 'The request body is not valid JSON in UTF-8')
  })
}

export default fp(http, { name: 'http', fastify: '5.x', dependencies: ['attempt'] })
