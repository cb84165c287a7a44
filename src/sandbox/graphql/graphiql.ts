import { readFileSync } from 'node:fs'
import { getIntrospectionQuery } from 'graphql'
import type { Execute } from './execute.ts'

/** What a tab has besides its operation. */
const more: Record<string, object> = {
  Refresh: { variables: '{ "refresh_token": "" }' },
  Me: { headers: '{ "Authorization": "Bearer " }' }
}

/** Neither stores headers nor reads stored ones: with an old token Hasura refuses every request, also Login. */
const noHeaders = { shouldPersistHeaders: false, initialHeaders: '' }

/** One tab for each operation of the file, which blank lines separate. */
function readTabs (): Array<{ query: string }> {
  const operations = readFileSync('src/sandbox/page/graphiql.graphql', 'utf8').split('\n\n')
  return operations.map(query => ({ query, ...more[/^(?:query|mutation) (\w+)/m.exec(query)?.[1] ?? ''] }))
}

/** Renders GraphiQL with the schema of the role `user`, whatever headers its tabs send. */
export async function renderGraphiql (execute: Execute): Promise<string> {
  const session = { role: 'user', variables: { 'x-hasura-role': 'user' } }
  const request = { query: getIntrospectionQuery(), variables: {}, operationName: null }
  const schema: unknown = JSON.parse(await execute(request, { session, headers: {}, cookies: [] }))
  const options = { endpoint: '/v1/graphql', title: 'GraphiQL', defaultTabs: readTabs(), ...noHeaders, schema }
  // Imported when the first page is requested, because the package contains all of GraphiQL.
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  return renderGraphiQL(options)
}
