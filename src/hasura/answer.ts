/** An error that Hasura reports for an operation: its message, `extensions.code` and `extensions.path`. */
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

/**
 * Tells whether Hasura refused a write because of this constraint. PostgreSQL writes the message in its own language,
 * with that language's quotation marks. It never translates the constraint's name, so only the name is compared.
 *
 * @param constraint - its name in PostgreSQL: letters, digits and underscores
 */
export function violatesConstraint (error: unknown, constraint: string): error is HasuraError {
  // Not-null and foreign-key violations have this code, too.
  if (!(error instanceof HasuraError) || error.code !== 'constraint-violation') return false
  // Characters of an identifier: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
  const part = '[\\p{ID_Continue}$-]'
  return new RegExp(`(?<!${part})${constraint}(?!${part})`, 'u').test(error.message)
}

interface GraphQLAnswer {
  data?: unknown
  errors?: Array<{ message?: unknown, extensions?: { code?: unknown, path?: unknown } } | null>
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
 * Only message, code and path are kept: `extensions.internal` repeats the arguments, which may include a hash.
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
    const { code, path } = error.extensions ?? {}
    throw new HasuraError(error.message, String(code), String(path))
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data
  throw Object.assign(new Error('the answer is not GraphQL'), { code: `HTTP_${status}` })
}
