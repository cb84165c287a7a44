import { HasuraFault, parseFailed, requireType } from '../fault.ts'
import { parseJson } from '../json.ts'
import type { Json } from '../json.ts'
import type { GraphqlRequest } from './execute.ts'

function readJson (body: string): unknown {
  try {
    return parseJson(body)
  } catch (error) {
    const [, position = 0] = /at position (\d+)$/.exec((error as Error).message) ?? []
    const rest = body.slice(Number(position)).trim()
    const found = rest === '' ? 'end-of-input' : JSON.stringify(rest.slice(0, 15))
    throw new HasuraFault('invalid-json', `Unexpected ${found}, expecting JSON value`)
  }
}

function readOne (value: unknown, path: string): GraphqlRequest {
  const parser = 'Hasura.GraphQL.Transport.HTTP.Protocol.GQLReq(GQLReq)'
  requireType(value, 'Object', parser, path)
  const { query, variables, operationName } = value as Json
  if (query === undefined) throw parseFailed(`parsing ${parser} failed, key "query" not found`, path)
  requireType(query, 'String', 'Text', `${path}.query`)
  requireType(variables ?? {}, 'Object', 'HashMap', `${path}.variables`)
  requireType(operationName ?? '', 'String', 'Text', `${path}.operationName`)
  return {
    query: query as string,
    variables: (variables ?? {}) as Json,
    operationName: (operationName ?? null) as string | null
  }
}

/**
 * Reads the body of a request to the GraphQL API.
 *
 * @returns one request, or an array of them
 * @throws HasuraFault if it is not JSON, or not a request
 */
export function readRequestBody (body: string): GraphqlRequest | GraphqlRequest[] {
  const value = readJson(body)
  if (!Array.isArray(value)) return readOne(value, '$')
  return value.map((item, index) => readOne(item, `$[${index}]`))
}
