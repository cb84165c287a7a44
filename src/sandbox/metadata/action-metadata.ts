import { buildASTSchema, Kind, parse, print } from 'graphql'
import type { DefinitionNode, GraphQLField, ObjectTypeDefinitionNode } from 'graphql'
import { z } from 'zod'
import { objectOf } from './check.ts'
import { parseSdl, readText } from './project-files.ts'

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

/** Scalars of PostgreSQL, which the types of an action may use without declaring them. */
const postgresScalars = [
  'bigint', 'bytea', 'date', 'float8', 'json', 'jsonb', 'numeric', 'smallint', 'time', 'timestamp', 'timestamptz', 'timetz',
  'uuid'
]

/** What `actions.graphql` says about an action. */
interface ActionDeclaration { kind: 'query' | 'mutation', field: GraphQLField<unknown, unknown>, sdl: string }

export type Action = z.output<typeof actionSchema> & ActionDeclaration

/** Hasura's CLI writes `type Mutation` or `type Query` for each action. */
function isRoot (node: DefinitionNode): node is ObjectTypeDefinitionNode {
  return node.kind === Kind.OBJECT_TYPE_DEFINITION && ['Query', 'Mutation'].includes(node.name.value)
}

/**
 * Reads the metadata's `actions.graphql`.
 *
 * @returns the types of the actions in SDL, the names of the scalars besides GraphQL's own, and a function that finds
 *   an action. The function throws an Error if the action is not declared, or uses what the sandbox does not support
 */
export function readActionDeclarations (file: string) {
  const definitions = parseSdl(readText(file), file)
  const fields = definitions.filter(isRoot).map(node => ({ ...node, kind: Kind.OBJECT_TYPE_EXTENSION as const }))
  const declared = definitions.filter(node => node.kind === Kind.SCALAR_TYPE_DEFINITION).map(({ name }) => name.value)
  const scalars = [...new Set([...postgresScalars, ...declared])]
  const types = definitions.filter(node => !isRoot(node) && node.kind !== Kind.SCALAR_TYPE_DEFINITION)
  const base = parse(`type Query type Mutation ${scalars.map(name => `scalar ${name}`).join(' ')}`)
  const schema = buildASTSchema({ kind: Kind.DOCUMENT, definitions: [...base.definitions, ...types, ...fields] })
  const roots = { query: schema.getQueryType(), mutation: schema.getMutationType() }

  const declarationOf = (action: string): ActionDeclaration => {
    const kind = roots.mutation?.getFields()[action] === undefined ? 'query' : 'mutation'
    const field = roots[kind]?.getFields()[action]
    if (field === undefined) throw new Error(`The action ${action} is not declared in ${file}`)
    const preset = field.args.find(({ defaultValue }) => defaultValue !== undefined)
    if (preset === undefined) return { kind, field, sdl: field.astNode ? print(field.astNode) : '' }
    // Hasura's CLI drops default values silently.
    throw new Error(`The sandbox does not support the default value of ${action}(${preset.name}) in ${file}`)
  }
  return { declarationOf, types: types.map(print).join('\n'), scalars }
}
