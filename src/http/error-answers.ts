import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { ActionError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** Errors of Fastify that have a code of their own here. Its other 4xx errors become `bad-request`. */
const fastifyErrors: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'The content type must be application/json'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload-too-large', 'The request body is too large'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 'The length of the request body differs from its content-length']
}

function toActionError (error: FastifyError): ActionError {
  if (error instanceof ActionError) return error
  const [code, message] = fastifyErrors[error.code] ?? ['bad-request', 'The request is malformed']
  if (error.statusCode !== undefined && error.statusCode < 500) return new ActionError(code, message)
  return new ActionError('internal', 'internal error', { cause: error })
}

/** Answers every error in the same form. Only the log gets the cause. */
export function answerError (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const error = toActionError(thrown)
  // An error before any hook has no attempt yet.
  request.attempt = { ...request.attempt, code: error.code }
  if (error.cause !== undefined && error.statusCode >= 500) reply.log.error({ err: error.cause }, error.message)
  void reply.code(error.statusCode).headers(error.headers).type('application/json; charset=utf-8').send(error.toJSON())
}

/** Answers errors that Fastify finds before any hook, for example a path that it cannot decode. */
export function answerFrameworkError (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { code, statusCode } = toActionError(thrown)
  request.server.logRefusal(code, statusCode)
  answerError(thrown, request, reply)
}

/** Names the field that fails the JSON Schema of an action. The message never repeats a value. */
export function describeInvalidInput ([error]: FastifySchemaValidationError[]): ActionError {
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

/** Errors of Node's HTTP parser that have a message of their own. */
const nodeErrors: Record<string, [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['bad-request', 'The request headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request took too long to arrive']
}

/** Answers requests that Node's HTTP parser rejects before Fastify sees them. */
export function answerBrokenRequest (this: FastifyInstance, cause: Error & { code?: string }, socket: Socket): void {
  if (cause.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const error = new ActionError(...(nodeErrors[String(cause.code)] ?? ['bad-request', 'The request is not valid HTTP']))
  this.logRefusal(error.code, error.statusCode)
  const body = JSON.stringify(error)
  socket.write([
    `HTTP/1.1 ${error.statusCode} ${String(STATUS_CODES[error.statusCode])}`, 'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', body
  ].join('\r\n'))
  // Closed at once, so that the handler of an earlier request on this connection cannot write after this answer.
  socket.destroy()
}
