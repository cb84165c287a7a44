import { readFileSync } from 'node:fs'

export const schemaSnapshot = readFileSync('graphql/schema.graphql', 'utf8')

/** What a Hasura with this schema and no users answers to a query. */
export async function answerFromSchema (query: string, sdl = schemaSnapshot): Promise<unknown> {
  const { buildSchema, graphql } = await import('graphql')
  return graphql({ schema: buildSchema(sdl), source: query, rootValue: { user: [] } })
}
