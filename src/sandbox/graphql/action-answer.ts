import { getNullableType, isLeafType, isListType, isNonNullType, isObjectType } from 'graphql'
import type { GraphQLOutputType } from 'graphql'
import type { Selected } from '../database/select.ts'
import { HasuraFault, parseFailed, requireType } from '../fault.ts'
import { jsonType, parseJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { Action } from '../metadata/action-metadata.ts'

/** Says in Hasura's words how a webhook's answer differs from the type that the action declares. */
function findMismatch (value: unknown, type: GraphQLOutputType): string | undefined {
  const found = jsonType(value)
  if (found === 'Null') return isNonNullType(type) ? 'got null for the action webhook response' : undefined
  const expected = getNullableType(type)
  if (isListType(expected)) {
    if (!Array.isArray(value)) return 'expecting array for the action webhook response'
    return value.map(item => findMismatch(item, expected.ofType)).find(problem => problem !== undefined)
  }
  if (isLeafType(expected)) return undefined
  const expectation = `for the action webhook response, expecting ${expected.toString()}`
  if (found === 'Array') return `got array ${expectation}`
  // Hasura calls a number a string here.
  if (found !== 'Object') return `got scalar ${found === 'Boolean' ? 'Boolean' : 'String'} ${expectation}`
  // Hasura checks neither further fields, nor the types of scalars, nor what is nested.
  for (const { name, type } of isObjectType(expected) ? Object.values(expected.getFields()) : []) {
    if (!isNonNullType(type)) continue
    const field = (value as Json)[name]
    if (field === undefined) return `field "${name}" expected in webhook response, but not found`
    if (field === null) return `expecting not null value for field "${name}"`
  }
  return undefined
}

/** The fault of a 4xx: what the webhook says, if its body has the shape that Hasura expects. */
function refusalOf (body: unknown, internal: unknown): HasuraFault {
  const parser = 'Hasura.GraphQL.Execute.Action.Types.ActionWebhookErrorResponse(ActionWebhookErrorResponse)'
  requireType(body, 'Object', parser, '$', internal)
  const { message, code, extensions } = body as Json
  if (message === undefined) return parseFailed(`parsing ${parser} failed, key "message" not found`, '$', internal)
  requireType(message, 'String', 'Text', '$.message', internal)
  requireType(code ?? '', 'String', 'Text', '$.code', internal)
  return new HasuraFault((code ?? 'unexpected') as string, message as string, '$', { extensions })
}

/**
 * Turns a webhook's answer into the value that the client gets. The checks are in Hasura's order.
 *
 * @param internal - makes the details for the administrator from Hasura's error and the webhook's body
 * @returns the value of the action's field
 * @throws HasuraFault for every other answer
 */
export function readWebhookAnswer (
  { field }: Action, status: number, text: string, internal: (error: string, body: unknown) => unknown
): unknown {
  const unexpected = (message: string, error: string, body: unknown): HasuraFault => (
    new HasuraFault('unexpected', message, '$', { internal: internal(error, body) })
  )
  let body: unknown
  try {
    body = parseJson(text)
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

/** Returns the fields of an action's answer that the client selects. A missing field is null. */
export function projectAnswer (value: unknown, fields: Selected[]): unknown {
  if (Array.isArray(value)) return value.map(item => projectAnswer(item, fields))
  if (fields.length === 0 || jsonType(value) !== 'Object') return value
  return Object.fromEntries(fields.map(({ alias, name, typeName, fields }) => (
    [alias, name === '__typename' ? typeName : projectAnswer((value as Json)[name] ?? null, fields)]
  )))
}
