/** An error that the sandbox answers with, in the JSON of Hasura's own errors. */
export class HasuraFault extends Error {
  private readonly extensions: unknown

  /**
   * @param code - Hasura's `extensions.code`
   * @param message - Hasura's message, word for word
   * @param path - Hasura's `extensions.path`
   * @param extensions - emitted verbatim in place of path and code, as Hasura does with those of a webhook
   */
  constructor (code: string, message: string, path = '$', extensions: unknown = { path, code }) {
    super(message)
    this.name = 'HasuraFault'
    this.extensions = extensions
  }

  toJSON (): { message: string, extensions: unknown } {
    return { message: this.message, extensions: this.extensions }
  }
}
