import { typeMistake } from './json.ts'

export interface FaultAnswer { message: string, extensions: unknown }

/** An error in the JSON form of Hasura's own errors. */
export class HasuraFault extends Error {
  private readonly extensions: unknown
  private readonly internal: unknown

  /**
   * @param code - Hasura's `extensions.code`
   * @param message - Hasura's message, word for word
   * @param path - Hasura's `extensions.path`
   * @param internal - details that only the administrator sees
   * @param extensions - replaces path and code, as the extensions of a webhook do
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

  /** Like `toJSON`, with `internal` in the extensions. */
  toAdmin (): FaultAnswer {
    if (this.internal === undefined) return this.toJSON()
    return { message: this.message, extensions: Object.assign({}, this.extensions, { internal: this.internal }) }
  }
}

/** The fault of JSON that Hasura's parser does not accept. */
export function parseFailed (message: string, path: string, internal?: unknown): HasuraFault {
  return new HasuraFault('parse-failed', message, path, { internal })
}

/** @throws HasuraFault if a value has another JSON type */
export function requireType (value: unknown, type: string, parser: string, path: string, internal?: unknown): void {
  const mistake = typeMistake(value, type, parser)
  if (mistake !== undefined) throw parseFailed(mistake, path, internal)
}
