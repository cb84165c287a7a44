import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { readWebhookAnswer } from './action-answer.ts'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'
import type { Session } from '../auth/authenticate.ts'

export interface Caller { session: Session, headers: IncomingHttpHeaders, query: string }
export type CallAction = (action: Action, input: Json, caller: Caller) => Promise<{ value: unknown, cookies: string[] }>
export type Variables = Record<string, string | undefined>

/** Client headers that Hasura does not forward, beside every `x-hasura-*`. */
const ignoredHeaders = [
  'content-length', 'content-md5', 'user-agent', 'host', 'origin', 'referer', 'accept', 'accept-encoding',
  'accept-language', 'accept-datetime', 'cache-control', 'connection', 'dnt', 'content-type'
]

function forwardedHeaders (headers: IncomingHttpHeaders): Record<string, string> {
  const { host, 'user-agent': userAgent, origin } = headers
  const renamed = { 'x-forwarded-host': host, 'x-forwarded-user-agent': userAgent, 'x-forwarded-origin': origin }
  const passed = Object.entries(headers).filter(([name]) => !ignoredHeaders.includes(name) && !name.startsWith('x-hasura-'))
  const sent = [...Object.entries(renamed), ...passed].filter(([, value]) => value !== undefined)
  return Object.fromEntries(sent.map(([name, value]) => [name, String(value)]))
}

function tracingHeaders (): Record<string, string> {
  const [trace = '', span = '', parent = ''] = [16, 8, 8].map(bytes => randomBytes(bytes).toString('hex'))
  return {
    'traceparent': `00-${trace}-${span}-01`,
    'x-b3-traceid': trace,
    'x-b3-spanid': span,
    'x-b3-parentspanid': parent,
    'x-b3-sampled': '1'
  }
}

function describeFailure (error: unknown): string {
  const { name, code } = error as { name?: string, code?: string }
  if (name === 'TimeoutError') return 'Response timeout'
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' ? 'No response data received' : 'Connection failure'
}

/** The request as Hasura reports it to the administrator, but for the headers: the action secret is among them. */
function describeRequest (url: string, timeout: number): Json {
  const { hostname, port, protocol, pathname, search } = new URL(url)
  const secure = protocol === 'https:'
  return {
    host: hostname,
    port: Number(port || (secure ? 443 : 80)),
    secure,
    path: pathname,
    queryString: search,
    method: 'POST',
    responseTimeout: `ResponseTimeoutMicro ${timeout * 1_000_000}`
  }
}

interface Target { url: string, headers: Record<string, string> }

/** Where an action's webhook is and what it is sent, with the environment's values in their places. */
function resolve ({ name, definition }: Action, variables: Variables): Target {
  const lookUp = (variable: string): string => {
    const value = variables[variable]
    if (value === undefined) throw new Error(`The action ${name} needs the environment variable ${variable}`)
    return value
  }
  return {
    url: definition.handler.replaceAll(/\{\{(\w+)\}\}/g, (_, variable: string) => lookUp(variable)),
    headers: Object.fromEntries(definition.headers.map(({ name, value, value_from_env: variable }) => (
      [name.toLowerCase(), variable === undefined ? value ?? '' : lookUp(variable)]
    )))
  }
}

/**
 * Calls webhooks as Hasura does.
 *
 * @param variables - the environment of Hasura, which handlers and headers refer to
 * @throws Error where one of them is missing
 */
export function createCallAction (actions: Action[], variables: Variables): CallAction {
  // Only to fail at the start; the values may still change until a webhook is called.
  for (const action of actions) resolve(action, variables)

  return async (action, input, { session, headers: clientHeaders, query }) => {
    const { url, headers } = resolve(action, variables)
    const { handler, headers: configured, forward_client_headers: isForwarding, timeout } = action.definition
    const payload = {
      action: { name: action.name }, input, session_variables: session.variables, request_query: query
    }
    const internal = (error: unknown, response: unknown): unknown => ({
      error, request: { url: handler, body: payload, headers: configured, transformed_request: null }, response
    })
    const sent = {
      ...headers,
      'accept-encoding': 'gzip',
      'content-type': 'application/json',
      'user-agent': 'hasura-graphql-engine/v2.51.0',
      ...tracingHeaders(),
      // Last: of two headers of one name, Hasura sends the client's.
      ...(isForwarding && forwardedHeaders(clientHeaders))
    }

    let response
    try {
      const { statusCode, headers, body } = await request(url, {
        method: 'POST', headers: sent, body: JSON.stringify(payload), signal: AbortSignal.timeout(timeout * 1000)
      })
      const bytes = Buffer.from(await body.arrayBuffer())
      const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
      response = { status: statusCode, headers, text }
    } catch (error) {
      const failure = { type: 'http_exception', message: describeFailure(error), request: describeRequest(url, timeout) }
      throw new HasuraFault('unexpected', 'http exception when calling webhook', '$', { internal: internal(failure, null) })
    }

    const { status, headers: received, text } = response
    const relayed = Object.entries(received).map(([name, value]) => ({ name, value: String(value) }))
    const value = readWebhookAnswer(action, status, text, (error, body) => (
      internal(error, { status, body, headers: relayed })
    ))
    return { value, cookies: [received['set-cookie'] ?? []].flat() }
  }
}
