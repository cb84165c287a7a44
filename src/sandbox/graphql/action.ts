import type { IncomingHttpHeaders } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import type { Session } from '../auth/authenticate.ts'
import { HasuraFault } from '../fault.ts'
import { writeJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'
import { readWebhookAnswer } from './action-answer.ts'
import { resolveTarget, webhookHeaders } from './action-request.ts'
import type { HasuraVariables } from './action-request.ts'

/** The client that calls an action; `query` is its document. */
export interface ActionCaller { session: Session, headers: IncomingHttpHeaders, query: string }

export type CallAction = (
  action: Action, input: Json, caller: ActionCaller
) => Promise<{ value: unknown, cookies: string[] }>

interface WebhookResponse { status: number, headers: IncomingHttpHeaders, text: string }

async function post (
  url: string, headers: Record<string, string>, body: string, seconds: number
): Promise<WebhookResponse> {
  const response = await request(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(seconds * 1000) })
  const bytes = Buffer.from(await response.body.arrayBuffer())
  const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
  return { status: response.statusCode, headers: response.headers, text }
}

function describeFailure (error: unknown): string {
  const { name, code } = error as { name?: string, code?: string }
  if (name === 'TimeoutError') return 'Response timeout'
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' ? 'No response data received' : 'Connection failure'
}

/** The request as Hasura reports it to the administrator, without the headers: the action secret is one of them. */
function describeRequest (url: string, seconds: number): Json {
  const { hostname, port, protocol, pathname, search } = new URL(url)
  const secure = protocol === 'https:'
  return {
    host: hostname,
    port: Number(port || (secure ? 443 : 80)),
    secure,
    path: pathname,
    queryString: search,
    method: 'POST',
    responseTimeout: `ResponseTimeoutMicro ${seconds * 1_000_000}`
  }
}

/**
 * Returns a function that calls webhooks as Hasura does.
 *
 * @throws Error that names an environment variable that an action needs
 */
export function createCallAction (actions: Action[], variables: HasuraVariables): CallAction {
  // A missing variable fails the start. The values may change until the first call.
  for (const action of actions) resolveTarget(action, variables)

  return async (action, input, { session, headers: clientHeaders, query }) => {
    const { url, headers } = resolveTarget(action, variables)
    const { handler, headers: configured, timeout } = action.definition
    const payload = {
      action: { name: action.name }, input, session_variables: session.variables, request_query: query
    }
    const internal = (error: unknown, response: unknown): unknown => ({
      error, request: { url: handler, body: payload, headers: configured, transformed_request: null }, response
    })
    const sent = webhookHeaders(action, headers, clientHeaders)
    const response = await post(url, sent, writeJson(payload), timeout).catch((error: unknown) => {
      const failure = { type: 'http_exception', message: describeFailure(error), request: describeRequest(url, timeout) }
      throw new HasuraFault('unexpected', 'http exception when calling webhook', '$', { internal: internal(failure, null) })
    })
    const { status, headers: received, text } = response
    const relayed = Object.entries(received).map(([name, value]) => ({ name, value: String(value) }))
    const value = readWebhookAnswer(action, status, text, (error, body) => (
      internal(error, { status, body, headers: relayed })
    ))
    // undici gives a single cookie as a string, against its type.
    const cookies = [received['set-cookie'] ?? []].flat()
    // Hasura relays only the cookies of mutations.
    return { value, cookies: action.kind === 'mutation' ? cookies : [] }
  }
}
