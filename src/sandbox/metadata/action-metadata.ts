import { z } from 'zod'
import { objectOf } from './check.ts'

/** Hasura's default for the client headers that it does not forward. */
const ignoredClientHeaders = [
  'Content-Length', 'Content-MD5', 'User-Agent', 'Host', 'Origin', 'Referer', 'Accept', 'Accept-Encoding',
  'Accept-Language', 'Accept-Datetime', 'Cache-Control', 'Connection', 'DNT', 'Content-Type'
]

const headerSchema = objectOf({
  name: z.string(),
  value: z.string().optional(),
  value_from_env: z.string().regex(
    /^(?!HASURA_GRAPHQL_)/, 'env variables start with "HASURA_GRAPHQL_" are not allowed for value_from_env'
  ).optional()
})

const actionSchema = objectOf({
  name: z.string(),
  definition: objectOf({
    // Hasura's export leaves it out, or writes ''.
    kind: z.preprocess(kind => kind || 'synchronous', z.literal('synchronous')),
    handler: z.string(),
    forward_client_headers: z.boolean().default(false),
    ignored_client_headers: z.array(z.string()).default(ignoredClientHeaders),
    headers: z.array(headerSchema).default([]),
    // Seconds to wait for the answer.
    timeout: z.int().nonnegative('timeout value cannot be negative').default(30)
  }),
  permissions: z.array(objectOf({ role: z.string() })).default([]),
  comment: z.string().nullish()
})

// Hasura's CLI keeps the types in actions.graphql, and only their names here.
const named = z.array(objectOf({ name: z.string(), description: z.string().nullish() })).default([])

/** The file `actions.yaml`. */
export const actionsSchema = objectOf({
  actions: z.array(actionSchema),
  custom_types: objectOf({ enums: named, input_objects: named, objects: named, scalars: named }).optional()
})

export type ActionMetadata = z.output<typeof actionSchema>
