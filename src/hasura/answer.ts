/** An error that Hasura reports for an operation. */
export class HasuraError extends Error {
  /** Hasura's `extensions.code` and `extensions.path`. */
  readonly code: string
  readonly path: string
  /** PostgreSQL's SQLSTATE, if Hasura passes it on (`HASURA_GRAPHQL_ADMIN_INTERNAL_ERRORS`, on by default). */
  readonly sqlState: string | undefined

  constructor (message: string, code: string, path: string, sqlState?: string) {
    super(message)
    this.name = 'HasuraError'
    this.code = code
    this.path = path
    this.sqlState = sqlState
  }
}

/** Tells whether Hasura had no connection to PostgreSQL, or lost it. */
export function isDatabaseAway (error: unknown): boolean {
  if (!(error instanceof HasuraError)) return false
  if (['postgres-error', 'postgres-max-connections-error'].includes(error.code)) return true
  // Lost connections, shutdowns, too many connections: https://www.postgresql.org/docs/current/errcodes-appendix.html
  return /^(?:08\w{3}|57P0[1-3]|53300)$/.test(String(error.sqlState))
}

/** Tells whether PostgreSQL undid a transaction because of another one: a serialization failure or a deadlock. */
export function isRolledBack (error: unknown): boolean {
  if (!(error instanceof HasuraError)) return false
  return error.code === 'concurrent-update' || /^40(?:001|P01)$/.test(String(error.sqlState))
}

/** Tells whether Hasura refused a write because of a constraint: unique, not-null or foreign-key. */
export function isConstraintViolation (error: unknown): error is HasuraError {
  return error instanceof HasuraError && error.code === 'constraint-violation'
}

/**
 * Tells whether Hasura refused a write because of this constraint. PostgreSQL writes the message in its own language,
 * with that language's quotation marks. It never translates the constraint's name, so only the name is compared.
 *
 * @param constraint - its name in PostgreSQL: letters, digits and underscores
 */
export function violatesConstraint (error: unknown, constraint: string): error is HasuraError {
  if (!isConstraintViolation(error)) return false
  // Characters of an identifier: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
  const part = '[\\p{ID_Continue}$-]'
  return new RegExp(`(?<!${part})${constraint}(?!${part})`, 'u').test(error.message)
}

interface GraphQLAnswer {
  data?: unknown
  errors?: Array<{ message?: unknown, extensions?: ErrorExtensions | null } | null>
}

interface ErrorExtensions {
  code?: unknown
  path?: unknown
  internal?: { error?: { status_code?: unknown } | null } | null
}

function sqlStateOf ({ internal }: ErrorExtensions): string | undefined {
  const state = internal?.error?.status_code
  return typeof state === 'string' && /^[\dA-Z]{5}$/.test(state) ? state : undefined
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the answer, which may hold a stored hash.
    return undefined
  }
}

/**
 * Reads an answer of `/v1/graphql`. The HTTP status proves nothing, because Hasura answers 200 for every GraphQL error.
 * Only message, code, path and SQLSTATE are kept, since `extensions.internal` repeats the arguments, hashes included.
 *
 * @returns the answer's `data`
 * @throws HasuraError with the first error that Hasura reports
 * @throws Error with the HTTP status as its `code` if the answer is not GraphQL
 */
export function readAnswer (status: number, text: string): unknown {
  // These come from a gateway in front of Hasura, whatever the body says.
  if (status >= 502 && status <= 504) throw Object.assign(new Error('the gateway failed'), { code: `HTTP_${status}` })
  const { data, errors } = (parse(text) ?? {}) as GraphQLAnswer
  const error = Array.isArray(errors) ? errors[0] : undefined
  if (typeof error?.message === 'string') {
    const extensions = error.extensions ?? {}
    throw new HasuraError(error.message, String(extensions.code), String(extensions.path), sqlStateOf(extensions))
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data
  throw Object.assign(new Error('the answer is not GraphQL'), { code: `HTTP_${status}` })
}
