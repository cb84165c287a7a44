import { getNullableType, isListType, isNonNullType, isObjectType } from 'graphql'
import type { GraphQLOutputType } from 'graphql'
import { HasuraFault } from '../fault.ts'
import { jsonType } from '../json.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/metadata.ts'

/** What is wrong with a webhook's answer for the type that the action declares, in Hasura's words. */
function findMismatch (value: unknown, type: GraphQLOutputType): string | undefined {
  if (value === null) return isNonNullType(type) ? 'got null for the action webhook response' : undefined
  const expected = getNullableType(type)
  if (isListType(expected)) {
    if (!Array.isArray(value)) return 'expecting array for the action webhook response'
    return value.map(item => findMismatch(item, expected.ofType)).find(problem => problem !== undefined)
  }
  const expectation = `for the action webhook response, expecting ${expected.toString()}`
  if (Array.isArray(value)) return `got array ${expectation}`
  // Hasura calls a number a string here, too.
  if (typeof value !== 'object') return `got scalar ${typeof value === 'boolean' ? 'Boolean' : 'String'} ${expectation}`
  // Neither further fields nor the types of scalars are looked at.
  for (const { name, type } of isObjectType(expected) ? Object.values(expected.getFields()) : []) {
    if (!isNonNullType(type)) continue
    const found = (value as Json)[name]
    if (found === undefined) return `field "${name}" expected in webhook response, but not found`
    if (found === null) return `expecting not null value for field "${name}"`
  }
  return undefined
}

/** The fault of a 4xx: the webhook's own, where the body has the shape that Hasura wants. */
function refusalOf (body: unknown, internal: unknown): HasuraFault {
  const parseFailed = (message: string, path = '$'): HasuraFault => new HasuraFault('parse-failed', message, path, { internal })
  const parser = 'parsing Hasura.GraphQL.Execute.Action.Types.ActionWebhookErrorResponse(ActionWebhookErrorResponse) failed'
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return parseFailed(`${parser}, expected Object, but encountered ${jsonType(body)}`)
  }
  const { message, code, extensions } = body as Json
  if (message === undefined) return parseFailed(`${parser}, key "message" not found`)
  const notText = (value: unknown, key: string): HasuraFault => (
    parseFailed(`parsing Text failed, expected String, but encountered ${jsonType(value)}`, `$.${key}`)
  )
  if (typeof message !== 'string') return notText(message, 'message')
  if (typeof (code ?? '') !== 'string') return notText(code, 'code')
  return new HasuraFault(typeof code === 'string' ? code : 'unexpected', message, '$', { extensions })
}

/**
 * Decides what a client gets of a webhook's answer, in the order in which Hasura looks at it.
 *
 * @param internal - what Hasura tells the administrator, given its error and the webhook's body
 * @returns the value of the action's field
 * @throws HasuraFault for every answer that is no such value
 */
export function readWebhookAnswer (
  { field }: Action, status: number, text: string, internal: (error: string, body: unknown) => unknown
): unknown {
  const unexpected = (message: string, error: string, body: unknown): HasuraFault => (
    new HasuraFault('unexpected', message, '$', { internal: internal(error, body) })
  )
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw unexpected('not a valid json response from webhook', `invalid json: ${(error as Error).message}`, text)
  }
  if (status >= 400 && status < 500) throw refusalOf(body, internal('unexpected response', body))
  if (status < 200 || status >= 300) {
    throw unexpected('internal error', `expecting 2xx or 4xx status code, but found ${status}`, body)
  }
  const mismatch = findMismatch(body, field.type)
  if (mismatch !== undefined) throw unexpected(mismatch, 'unexpected response', body)
  return body
}
