import { buildClientSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from 'graphql'
import type { IntrospectionQuery } from 'graphql'

/**
 * Reads the schema of Hasura or of the sandbox as admin.
 *
 * @param url - its base URL
 * @returns SDL in a stable order, without descriptions
 * @throws Error if the introspection is refused
 */
export async function introspect (url: string, adminSecret: string): Promise<string> {
  const response = await fetch(`${url.replace(/\/$/, '')}/v1/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hasura-admin-secret': adminSecret },
    body: JSON.stringify({ query: getIntrospectionQuery({ descriptions: false }) })
  })
  const body = await response.json() as { data: IntrospectionQuery } | { errors: Array<{ message: string }> }
  if ('errors' in body) throw new Error(`${url} refused the introspection: ${body.errors.map(({ message }) => message).join(', ')}`)
  return `${printSchema(lexicographicSortSchema(buildClientSchema(body.data)))}\n`
}
