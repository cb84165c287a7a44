/** Every error code that a caller can see, with its HTTP status. Codes are stable; clients switch on them. */
const statusOf = {
  'validation-failed': 400,
  'weak-password': 400,
  'constraint-violation': 400,
  'invalid-json': 400,
  'bad-request': 400,
  'access-denied': 401,
  'invalid-credentials': 401,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'expectation-failed': 417,
  'rate-limited': 429,
  'overloaded': 429,
  'headers-too-large': 431,
  'internal': 500,
  'hasura-unavailable': 502,
  'not-ready': 503
} as const

export type ErrorCode = keyof typeof statusOf

export const errorCodes = Object.keys(statusOf)

interface ActionErrorOptions {
  /** What went wrong underneath: goes to the log, never to the caller. */
  cause?: unknown
  headers?: Record<string, string>
}

/** The one error of this service: a message for the caller and a stable code that decides the HTTP status. */
export class ActionError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  readonly headers: Record<string, string>

  constructor (code: ErrorCode, message: string, { cause, headers = {} }: ActionErrorOptions = {}) {
    // A refusal is an answer and no bug: capturing where it was made would cost a tenth of it.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, { cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'ActionError'
    this.code = code
    this.statusCode = statusOf[code]
    this.headers = headers
  }

  /**
   * The body of the answer. Hasura hands `extensions` to its client verbatim and adds nothing to it, so `path` and
   * `code` stand there as they do in Hasura's own errors.
   */
  toJSON (): { message: string, extensions: { path: '$', code: ErrorCode } } {
    return { message: this.message, extensions: { path: '$', code: this.code } }
  }
}

/**
 * A refusal of what there is too much of, with the time after which to try again (RFC 9110, section 10.2.3).
 *
 * @param what - in words, as the beginning of the message
 */
export function tryAgainLater (code: 'rate-limited' | 'overloaded', what: string, milliseconds: number): ActionError {
  const seconds = Math.ceil(milliseconds / 1000)
  const headers = { 'retry-after': String(seconds) }
  return new ActionError(code, `${what}: try again in ${seconds} second${seconds === 1 ? '' : 's'}`, { headers })
}
