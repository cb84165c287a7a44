import { readFileSync } from 'node:fs'
import { buildASTSchema, isIntrospectionType, isScalarType, Kind, parse, printType } from 'graphql'
import type { GraphQLField, GraphQLNamedType } from 'graphql'

/** Scalars of PostgreSQL, which the types of an action may use without declaring them. */
const postgresScalars = [
  'bigint', 'bytea', 'date', 'float8', 'json', 'jsonb', 'numeric', 'smallint', 'time', 'timestamp', 'timestamptz', 'timetz',
  'uuid'
]

/** What `actions.graphql` says about an action. */
export interface ActionDeclaration { kind: 'query' | 'mutation', field: GraphQLField<unknown, unknown> }

export interface ActionDeclarations {
  /** @throws Error that names an action that is not declared, or what the sandbox does not support in it */
  declarationOf: (action: string) => ActionDeclaration
  /** The types of the actions in SDL, without scalars. */
  types: string
  /** The names of the scalars that actions may use, besides GraphQL's own. */
  scalars: string[]
}

/** Reads the metadata's `actions.graphql`. */
export function readActionDeclarations (file: string): ActionDeclarations {
  const { definitions } = parse(readFileSync(file, 'utf8'))
  const declared = definitions.flatMap(node => (node.kind === Kind.SCALAR_TYPE_DEFINITION ? [node.name.value] : []))
  const scalars = postgresScalars.filter(name => !declared.includes(name)).map(name => `scalar ${name}`)
  const base = parse(`type Query type Mutation ${scalars.join(' ')}`)
  // Hasura's CLI writes `type Mutation` or `type Query` for each action.
  const extensions = definitions.map(node => (
    node.kind === Kind.OBJECT_TYPE_DEFINITION && ['Query', 'Mutation'].includes(node.name.value)
      ? { ...node, kind: Kind.OBJECT_TYPE_EXTENSION as const }
      : node
  ))
  const schema = buildASTSchema({ kind: Kind.DOCUMENT, definitions: [...base.definitions, ...extensions] })
  const roots = { query: schema.getQueryType(), mutation: schema.getMutationType() }
  const isRoot = (type: GraphQLNamedType): boolean => type === roots.query || type === roots.mutation
  const types = Object.values(schema.getTypeMap()).filter(type => !isIntrospectionType(type) && !isRoot(type))

  return {
    declarationOf: (action) => {
      for (const kind of ['mutation', 'query'] as const) {
        const field = roots[kind]?.getFields()[action]
        if (field === undefined) continue
        const preset = field.args.find(({ defaultValue }) => defaultValue !== undefined)
        if (preset === undefined) return { kind, field }
        // Hasura's CLI drops it silently.
        throw new Error(`The sandbox does not support the default value of ${action}(${preset.name}) in ${file}`)
      }
      throw new Error(`The action ${action} is not declared in ${file}`)
    },
    types: types.filter(type => !isScalarType(type)).map(printType).join('\n'),
    scalars: types.filter(isScalarType).map(({ name }) => name)
  }
}
