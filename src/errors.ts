/** Every error code that a caller can see, with its HTTP status. Codes are stable: clients switch on them. */
const statusOf = {
  'validation-failed': 400,
  'weak-password': 400,
  'constraint-violation': 400,
  'invalid-token': 400,
  'invalid-json': 400,
  'bad-request': 400,
  'not-configured': 400,
  'access-denied': 401,
  'not-authenticated': 401,
  'invalid-credentials': 401,
  'invalid-refresh-token': 401,
  'not-found': 404,
  'method-not-allowed': 405,
  'request-timeout': 408,
  'payload-too-large': 413,
  'unsupported-media-type': 415,
  'rate-limited': 429,
  'overloaded': 429,
  'internal': 500,
  'hasura-unavailable': 502,
  'not-ready': 503
} as const

export type ErrorCode = keyof typeof statusOf

export const errorCodes = Object.keys(statusOf)

interface ActionErrorOptions {
  /** The underlying failure. It goes to the log, never to the caller. */
  cause?: unknown
  headers?: Record<string, string>
  /** Further keys for `extensions` in the body. */
  extensions?: Record<string, number>
}

/** The only error class of this service: a message for the caller, and a stable code that decides the HTTP status. */
export class ActionError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly extensions: Record<string, number>

  constructor (code: ErrorCode, message: string, { cause, headers = {}, extensions = {} }: ActionErrorOptions = {}) {
    // An error here is an answer, not a bug. Capturing the stack would take a tenth of the time of a refusal.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message, { cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'ActionError'
    this.code = code
    this.statusCode = statusOf[code]
    this.headers = headers
    this.extensions = extensions
  }

  /** The body of the answer. Hasura passes `extensions` on unchanged. Its own errors have `path` and `code`, too. */
  toJSON (): { message: string, extensions: { path: '$', code: ErrorCode } } {
    return { message: this.message, extensions: { path: '$', code: this.code, ...this.extensions } }
  }
}

/**
 * Makes an error that says when to try again: in the message, in `extensions.retry_after_seconds`, and in the header
 * `Retry-After` (RFC 9110, section 10.2.3), which Hasura does not pass on.
 *
 * @param what - the beginning of the message
 */
export function tryAgainLater (code: 'rate-limited' | 'overloaded', what: string, milliseconds: number): ActionError {
  const seconds = Math.ceil(milliseconds / 1000)
  return new ActionError(code, `${what}: try again in ${seconds} second${seconds === 1 ? '' : 's'}`, {
    headers: { 'retry-after': String(seconds) }, extensions: { retry_after_seconds: seconds }
  })
}

/** The same for an unknown email, a wrong password and a disabled user, so that the answer does not reveal which. */
export function invalidCredentials (): ActionError {
  return new ActionError('invalid-credentials', 'Invalid credentials')
}

/** Nobody is signed in, or the session has ended. */
export function notAuthenticated (): ActionError {
  return new ActionError('not-authenticated', 'This action needs a session: log in first')
}

/** The same for a mailed token that is forged, used or expired. */
export function invalidToken (): ActionError {
  return new ActionError('invalid-token', 'The link is invalid, used or expired: request a new one')
}
