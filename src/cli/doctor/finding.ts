/** The result of a check. `unknown` means that it could not run, which is not a failure. */
export interface Result { state: 'ok' | 'failed' | 'unknown', text: string }

/** A result with the name of its check. */
export interface Finding extends Result { check: string }

export function ok (text: string): Result {
  return { state: 'ok', text }
}

/** @param text - what is wrong, a colon, and the remedy */
export function failed (text: string): Result {
  return { state: 'failed', text }
}

export function unknown (text: string): Result {
  return { state: 'unknown', text }
}

/** Describes a failure in one line: the code of a network error, such as ECONNREFUSED, or the message. */
export function describeError (error: unknown): string {
  const { code, name, message } = error as NodeJS.ErrnoException
  // The code of a DOMException is a number from a legacy list.
  return typeof code === 'string' ? code : `${name}: ${message.replace(/\n[^]*/, '')}`
}

/** Runs a check. If it throws, the error becomes a finding, so that the other checks still run. */
export async function attempt (check: string, find: () => Promise<Result | Result[]>): Promise<Finding[]> {
  const results = await find().catch((error: unknown) => (
    failed(`the check ended with ${describeError(error)}: run it again, and read the logs of Hasura and of this service`)
  ))
  return [results].flat().map(result => ({ check, ...result }))
}
