import { failed, ok } from './finding.ts'
import type { Finding } from './finding.ts'
import type { GraphqlAnswer, HasuraApi } from './hasura-api.ts'

/** An action call without an effect: there is no such refresh token. */
export const harmless = 'mutation { Refresh(refresh_token: "doctor") { token } }'

/** Codes that only this service gives. Under load, it refuses the call for another reason. */
const ownCodes = ['invalid-refresh-token', 'not-configured', 'rate-limited', 'overloaded']

export function isFromService ({ code = '' }: GraphqlAnswer): boolean {
  return ownCodes.includes(code)
}

function causeOf ({ internal }: GraphqlAnswer): string {
  const { error } = Object(internal) as { error?: { message?: string } }
  return error?.message ?? 'no details'
}

/** Checks that Hasura reaches the service, and that the service accepts its secret. */
export async function checkWebhook (hasura: HasuraApi): Promise<Finding> {
  const check = 'webhook'
  const answer = await hasura.asAdmin(harmless)
  const { code, message } = answer
  if (isFromService(answer)) return ok(check, 'Hasura reaches the service, which accepts its secret')
  const remedies: Record<string, string> = {
    'http exception when calling webhook': `Hasura cannot reach the service (${causeOf(answer)}): start it, and set `
      + 'ACTION_BASE_URL on Hasura to its URL as Hasura reaches it',
    'not a valid json response from webhook': 'something other than this service answers Hasura: correct ACTION_BASE_URL on Hasura',
    'internal error': 'the service, or a proxy in front of it, answers with HTTP 5xx: its log has the cause'
  }
  const codes: Record<string, string> = {
    'access-denied': 'the service refuses the secret that Hasura sends: set the variable of the header x-hasura-action-secret on '
      + 'Hasura to the value of ACTION_SECRET, and restart both',
    'not-found': 'the service does not know the path of the handler: ACTION_BASE_URL on Hasura must be the base URL of the service',
    'validation-failed': 'the action Refresh is missing: add it with npm run adopt, and deploy'
  }
  return failed(check, remedies[message] ?? codes[String(code)] ?? `an unexpected answer (${String(code)}): ${message}`)
}
