import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Environment } from '../../config.ts'
import type { Action } from '../metadata/metadata.ts'

/**
 * Puts the values of Hasura's environment into the handler and the headers of an action.
 *
 * @returns where the webhook is, and the headers that the metadata gives it
 * @throws Error that names a variable that is missing
 */
export function resolveTarget (
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

/** The request to the webhook has these headers itself, so the client's are never forwarded. */
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
export function webhookHeaders (
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
    // Last: of two headers with one name, Hasura sends the client's.
    ...(definition.forward_client_headers && forwardedHeaders(client, definition.ignored_client_headers))
  }
}
