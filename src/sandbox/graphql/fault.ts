export interface FaultAnswer { message: string, extensions: unknown }

/** An error that the sandbox answers with, in the JSON of Hasura's own errors. */
export class HasuraFault extends Error {
  private readonly extensions: unknown
  private readonly internal: unknown

  /**
   * @param code - Hasura's `extensions.code`
   * @param message - Hasura's message, word for word
   * @param path - Hasura's `extensions.path`
   * @param internal - what Hasura tells the administrator beside it
   * @param extensions - emitted verbatim in place of path and code, as Hasura does with those of a webhook
   */
  constructor (
    code: string, message: string, path = '$', { internal, extensions }: { internal?: unknown, extensions?: unknown } = {}
  ) {
    super(message)
    this.name = 'HasuraFault'
    this.extensions = extensions ?? { path, code }
    this.internal = internal
  }

  toJSON (): FaultAnswer {
    return { message: this.message, extensions: this.extensions }
  }

  /** As `toJSON`, with `internal` in the extensions. */
  toAdmin (): FaultAnswer {
    if (this.internal === undefined) return this.toJSON()
    return { message: this.message, extensions: Object.assign({}, this.extensions, { internal: this.internal }) }
  }
}

/** The name of a JSON value's type in the messages of Hasura's JSON parser. */
export function jsonType (value: unknown): string {
  if (value === null) return 'Null'
  if (Array.isArray(value)) return 'Array'
  return { string: 'String', number: 'Number', boolean: 'Boolean' }[typeof value as string] ?? 'Object'
}

/** Hasura's prefix and code for an SQLSTATE of PostgreSQL's class 23, integrity constraint violations. */
const violations: Record<string, [string, string]> = {
  23001: ['Can not delete or update due to data being referred. ', 'constraint-violation'],
  23502: ['Not-NULL violation. ', 'constraint-violation'],
  23503: ['Foreign key violation. ', 'constraint-violation'],
  23505: ['Uniqueness violation. ', 'constraint-violation'],
  23514: ['Check constraint violation. ', 'permission-error']
}

/**
 * The fault that Hasura makes of an error of PostgreSQL.
 *
 * @param path - where the client's values stand in its GraphQL
 * @returns what it was given, where that is not an error of PostgreSQL
 */
export function sqlFault (error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return error
  const state = String(error.code)
  const violation = violations[state]
  if (violation !== undefined) return new HasuraFault(violation[1], violation[0] + error.message, path)
  if (state.startsWith('22')) return new HasuraFault('data-exception', error.message, path)
  const internal = { error: { message: error.message, status_code: state } }
  return new HasuraFault('unexpected', 'database query error', '$', { internal })
}
