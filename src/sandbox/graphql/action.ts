import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import https from 'node:https'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { Environment } from '../../config.ts'
import { HasuraFault } from '../fault.ts'
import { writeJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/action-metadata.ts'
import { readWebhookAnswer } from './action-answer.ts'
import type { RootContext } from './root-field.ts'

/** Calls the webhook of an action, and returns the value of the action's field. */
export type CallAction = (action: Action, input: Json, context: Omit<RootContext, 'db'>) => Promise<unknown>

/**
 * Puts the values of Hasura's environment into the handler and the headers of an action.
 *
 * @returns where the webhook is, and the headers that the metadata gives it
 * @throws Error that names the missing variable
 */
function resolveTarget (
  { name, definition }: Action, variables: Environment
): { url: string, headers: Record<string, string> } {
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

/** The request to the webhook sets these headers itself, so it never gets the client's. */
const ownHeaders = ['connection', 'content-length', 'host']

function forwardedHeaders (headers: IncomingHttpHeaders, ignored: string[]): Record<string, string> {
  const { host, 'user-agent': userAgent, origin } = headers
  const renamed = { 'x-forwarded-host': host, 'x-forwarded-user-agent': userAgent, 'x-forwarded-origin': origin }
  const withheld = [...ownHeaders, ...ignored.map(name => name.toLowerCase())]
  const passed = Object.entries(headers).filter(([name]) => !withheld.includes(name) && !name.startsWith('x-hasura-'))
  const sent = [...Object.entries(renamed), ...passed].filter(([, value]) => value !== undefined)
  return Object.fromEntries(sent.map(([name, value]) => [name, String(value)]))
}

/** Returns the headers of a request to a webhook. */
function webhookHeaders (
  { definition }: Action, configured: Record<string, string>, client: IncomingHttpHeaders
): Record<string, string> {
  const [trace = '', span = '', parent = ''] = [16, 8, 8].map(bytes => randomBytes(bytes).toString('hex'))
  return {
    ...configured,
    'accept-encoding': 'gzip',
    'content-type': 'application/json',
    'user-agent': 'hasura-graphql-engine/v2.51.0',
    'traceparent': `00-${trace}-${span}-01`,
    'x-b3-traceid': trace,
    'x-b3-spanid': span,
    'x-b3-parentspanid': parent,
    'x-b3-sampled': '1',
    // Last, because if two headers have the same name, Hasura sends the client's.
    ...(definition.forward_client_headers && forwardedHeaders(client, definition.ignored_client_headers))
  }
}

/** Posts with node:http, which sends every header that Hasura sends. Other clients refuse to send Transfer-Encoding. */
async function post (
  url: string, headers: Record<string, string>, body: string, signal: AbortSignal
): Promise<{ response: IncomingMessage, text: string }> {
  const { request } = url.startsWith('https:') ? https : http
  const sent = { ...headers, 'content-length': String(Buffer.byteLength(body)) }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method: 'POST', headers: sent, signal }, resolve).on('error', reject).end(body)
  })
  const bytes = await buffer(response)
  const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
  return { response, text }
}

/**
 * Returns a function that calls webhooks as Hasura does.
 *
 * @param environment - returns Hasura's variables, which may change until the first call
 * @throws Error that names an environment variable that an action needs
 */
export function createCallAction (actions: Action[], environment: () => Environment): CallAction {
  // A missing variable fails the start.
  for (const action of actions) resolveTarget(action, environment())

  return async (action, input, { session, headers: clientHeaders, query, cookies }) => {
    const { url, headers } = resolveTarget(action, environment())
    const { handler, headers: configured, timeout } = action.definition
    const { name } = action
    const payload = { action: { name }, input, session_variables: session.variables, request_query: query }
    const internal = (error: unknown, response: unknown): unknown => ({
      error, request: { url: handler, body: payload, headers: configured, transformed_request: null }, response
    })
    const sent = webhookHeaders(action, headers, clientHeaders)
    const late = AbortSignal.timeout(timeout * 1000)
    const { response, text } = await post(url, sent, writeJson(payload), late).catch((error: unknown) => {
      const isReset = (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      const message = late.aborted ? 'Response timeout' : isReset ? 'No response data received' : 'Connection failure'
      const details = internal({ type: 'http_exception', message }, null)
      throw new HasuraFault('unexpected', 'http exception when calling webhook', '$', { internal: details })
    })
    const status = Number(response.statusCode)
    const received = Object.entries(response.headers).map(([name, value]) => ({ name, value: String(value) }))
    const value = readWebhookAnswer(action, status, text, (error, body) => (
      internal(error, { status, body, headers: received })
    ))
    // Hasura relays only the cookies of mutations.
    if (action.kind === 'mutation') cookies.push(...response.headers['set-cookie'] ?? [])
    return value
  }
}
