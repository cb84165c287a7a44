import http from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { Environment } from '../../config.ts'
import { HasuraFault } from '../fault.ts'
import { writeJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'
import { readWebhookAnswer } from './action-answer.ts'
import { resolveTarget, webhookHeaders } from './action-request.ts'
import type { RootContext } from './root-field.ts'

/** Calls the webhook of an action, and returns the value of the action's field. */
export type CallAction = (action: Action, input: Json, context: Omit<RootContext, 'db'>) => Promise<unknown>

interface WebhookResponse { status: number, headers: IncomingHttpHeaders, text: string }

/** Posts with node:http, which sends every header that Hasura sends. Other clients refuse to send Transfer-Encoding. */
async function post (
  url: string, headers: Record<string, string>, body: string, signal: AbortSignal
): Promise<WebhookResponse> {
  const { request } = url.startsWith('https:') ? https : http
  const sent = { ...headers, 'content-length': String(Buffer.byteLength(body)) }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method: 'POST', headers: sent, signal }, resolve).on('error', reject).end(body)
  })
  const bytes = await buffer(response)
  const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
  return { status: Number(response.statusCode), headers: response.headers, text }
}

function describeFailure (error: unknown, isLate: boolean): string {
  if (isLate) return 'Response timeout'
  return (error as NodeJS.ErrnoException).code === 'ECONNRESET' ? 'No response data received' : 'Connection failure'
}

/**
 * Returns a function that calls webhooks as Hasura does.
 *
 * @throws Error that names an environment variable that an action needs
 */
export function createCallAction (actions: Action[], variables: Environment): CallAction {
  // A missing variable fails the start. The values may change until the first call.
  for (const action of actions) resolveTarget(action, variables)

  return async (action, input, { session, headers: clientHeaders, query, cookies }) => {
    const { url, headers } = resolveTarget(action, variables)
    const { handler, headers: configured, timeout } = action.definition
    const payload = {
      action: { name: action.name }, input, session_variables: session.variables, request_query: query
    }
    const internal = (error: unknown, response: unknown): unknown => ({
      error, request: { url: handler, body: payload, headers: configured, transformed_request: null }, response
    })
    const sent = webhookHeaders(action, headers, clientHeaders)
    const late = AbortSignal.timeout(timeout * 1000)
    const response = await post(url, sent, writeJson(payload), late).catch((error: unknown) => {
      const message = describeFailure(error, late.aborted)
      const failure = { type: 'http_exception', message }
      throw new HasuraFault('unexpected', 'http exception when calling webhook', '$', { internal: internal(failure, null) })
    })
    const { status, headers: received, text } = response
    const relayed = Object.entries(received).map(([name, value]) => ({ name, value: String(value) }))
    const value = readWebhookAnswer(action, status, text, (error, body) => (
      internal(error, { status, body, headers: relayed })
    ))
    // Hasura relays only the cookies of mutations.
    if (action.kind === 'mutation') cookies.push(...received['set-cookie'] ?? [])
    return value
  }
}
