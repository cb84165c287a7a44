/** What a check found out. `unknown` means that it could not run, which is no fault. */
export interface Result { state: 'ok' | 'failed' | 'unknown', text: string }

/** The result of a check with its name. */
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

/** Runs a check. An error of it is a finding, too, and the other checks go on. */
export async function attempt (check: string, find: () => Promise<Result | Result[]>): Promise<Finding[]> {
  const results = await find().catch((error: unknown) => (
    failed(`stopped by ${describeError(error)}: run it again, and look into the logs of Hasura and of this service`)
  ))
  return [results].flat().map(result => ({ check, ...result }))
}
