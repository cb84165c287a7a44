import type { ActionEntry } from './check-metadata.ts'
import { failed, ok } from './finding.ts'
import type { Result } from './finding.ts'
import type { GraphqlAnswer, HasuraApi } from './hasura-api.ts'

/** An action call without an effect: there is no such refresh token. */
export const harmless = 'mutation { Refresh(refresh_token: "doctor") { token } }'

/** Codes that only this service gives: without sessions or under load, one of the last three. */
const ownCodes = ['invalid-refresh-token', 'not-configured', 'rate-limited', 'overloaded']

function causeOf ({ internal }: GraphqlAnswer): string {
  const { error } = Object(internal) as { error?: { message?: string } }
  return error?.message ?? 'no details'
}

/**
 * Checks that Hasura reaches the service, and that the service accepts its secret.
 *
 * @param refresh - the action `Refresh` of Hasura's metadata, if it is there
 */
export async function checkWebhook (hasura: HasuraApi, refresh: ActionEntry | undefined): Promise<Result> {
  const answer = await hasura.asAdmin(harmless)
  const { code, message } = answer
  if (ownCodes.includes(String(code))) return ok('Hasura reaches the service, which accepts its secret')

  const { handler = '', headers = [] } = refresh?.definition ?? {}
  const [, variable] = /^\{\{(\w+)\}\}/.exec(handler) ?? []
  const url = variable === undefined ? 'the handlers of the actions' : `${variable} on Hasura`
  const secret = headers.find(({ name }) => name.toLowerCase() === 'x-hasura-action-secret')?.value_from_env
  // Its code is not-found too, so this comes first.
  const [, unset] = /^environment variable '(.+)' not set$/.exec(message) ?? []
  if (unset !== undefined) return failed(`Hasura has no variable ${unset}: set it on Hasura, and restart it`)
  const remedies: Record<string, string> = {
    'http exception when calling webhook': `Hasura cannot reach the service (${causeOf(answer)}): start it, and set `
      + `${url} to its URL as Hasura reaches it`,
    'internal error': 'the service, or a proxy in front of it, answers with HTTP 5xx: its log has the cause'
  }
  const codes: Record<string, string> = {
    'access-denied': `the service refuses the secret that Hasura sends: set ${secret ?? 'the header x-hasura-action-secret'} on `
      + 'Hasura to the value of ACTION_SECRET, and restart both',
    'not-found': `the service does not know the path of the handler: ${url} must be the base URL of the service`,
    'validation-failed': refresh === undefined
      ? 'the action Refresh is missing: add it with npm run adopt, and deploy'
      : 'Hasura does not serve the action Refresh: correct what makes the metadata inconsistent'
  }
  return failed(remedies[message] ?? codes[String(code)] ?? 'something other than this service answers Hasura '
    + `(${message || 'no error'}): set ${url} to the URL of the service`)
}
