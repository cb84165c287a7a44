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

interface GraphQLAnswer {
  data?: unknown
  errors?: Array<{ message?: unknown, extensions?: { code?: unknown, path?: unknown } } | null>
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the answer, and with it a stored hash.
    return undefined
  }
}

/**
 * Reads an answer of `/v1/graphql`. The HTTP status proves nothing: Hasura answers 200 for every GraphQL error. Only
 * message, code and path are kept, because `extensions.internal` repeats the arguments, hashes included.
 *
 * @returns its `data`
 * @throws HasuraError with the first error that it reports
 * @throws Error with the HTTP status as its `code`, where it is not GraphQL
 */
export function readAnswer (status: number, text: string): unknown {
  // A gateway's, whatever its body says.
  if (status >= 502 && status <= 504) throw Object.assign(new Error('the gateway fails'), { code: `HTTP_${status}` })
  const { data, errors } = (parse(text) ?? {}) as GraphQLAnswer
  const error = Array.isArray(errors) ? errors[0] : undefined
  if (typeof error?.message === 'string') {
    const { code, path } = error.extensions ?? {}
    throw new HasuraError(error.message, String(code), String(path))
  }
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data
  throw Object.assign(new Error('the answer is not GraphQL'), { code: `HTTP_${status}` })
}
