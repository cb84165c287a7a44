import type { FastifyInstance } from 'fastify'
import { ActionError } from '../errors.ts'
import { ReadyDocument, TypedDocumentString } from '../generated/operations.ts'
import { schemaRequirements } from '../generated/schema-requirements.ts'
import { HasuraError, isDatabaseAway } from './answer.ts'

type Hasura = FastifyInstance['hasura']

type TypeRef = { name: string } | { name: null, ofType: TypeRef }

/** An object type has fields, an input type has input fields, an unknown type is null. */
type IntrospectedType = {
  fields: Array<{ name: string }> | null
  inputFields: Array<{ name: string, type: TypeRef }> | null
} | null

const typeNames = [...new Set(schemaRequirements.map(requirement => requirement.replace(/\..*/, '')))]

// A type is wrapped at most three times, as in [Int!]!.
const SchemaDocument = new TypedDocumentString<Record<string, IntrospectedType>, Record<string, never>>(`query Schema {
  ${typeNames.map(name => `${name}: __type(name: "${name}") { ...Members }`).join('\n  ')}
}
fragment Members on __Type {
  fields { name }
  inputFields { name type { name ofType { name ofType { name ofType { name } } } } }
}`)

function namedType (type: TypeRef): string {
  return type.name ?? namedType(type.ofType)
}

/** Writes the members of introspected types in the form of `schemaRequirements`. */
function membersOf (types: Record<string, IntrospectedType>): Set<string> {
  return new Set(Object.entries(types).flatMap(([type, members]) => [
    ...(members?.fields ?? []).map(({ name }) => `${type}.${name}`),
    ...(members?.inputFields ?? []).map(field => `${type}.${field.name}: ${namedType(field.type)}`)
  ]))
}

function toCamelCase (requirement: string): string {
  return requirement.replaceAll(/(?<=\..*)_(\w)/g, (_match, letter: string) => letter.toUpperCase())
}

/** Number of missing members that the message names. It is enough to recognise a missing table, which has many. */
const namedMembers = 6

/** Compares the schema of Hasura with what the operations need. */
function compare (types: Record<string, IntrospectedType>): string | undefined {
  const members = membersOf(types)
  const missing = schemaRequirements.filter(requirement => !members.has(requirement))
  if (missing.length === 0) return undefined
  if (!types['query_root']) {
    return 'HASURA_GRAPHQL_ENDPOINT is a GraphQL server, but not Hasura: its schema has no query_root. Correct the URL'
  }
  const renamed = missing.find(requirement => members.has(toCamelCase(requirement)))
  if (renamed !== undefined) {
    return 'HASURA_GRAPHQL_DEFAULT_NAMING_CONVENTION must be hasura-default, and so must the naming_convention of the source: '
      + `Hasura serves ${toCamelCase(renamed)} instead of ${renamed}`
  }
  const others = missing.length > namedMembers ? ` and ${missing.length - namedMembers} more` : ''
  return `Hasura's schema lacks ${missing.slice(0, namedMembers).join(', ')}${others}. Apply hasura/migrations and `
    + 'hasura/metadata, then reload the metadata. If your tables differ, see docs/your-own-user-table.md'
}

function explainReported ({ code, message, sqlState = '' }: HasuraError): string {
  if (code === 'access-denied') {
    return 'HASURA_GRAPHQL_ADMIN_SECRET is not Hasura\'s admin secret: set both to the same value. If Hasura has a list in '
      + 'HASURA_GRAPHQL_ADMIN_SECRETS, use an entry of it'
  }
  if (sqlState.startsWith('42')) {
    return `PostgreSQL lacks a table or column that Hasura's metadata names (SQLSTATE ${sqlState}): `
      + 'apply hasura/migrations, then reload the metadata'
  }
  // Hasura gives every error a code.
  if (code === 'undefined') {
    return `HASURA_GRAPHQL_ENDPOINT is a GraphQL server, but not Hasura (it says: ${message}). Correct the URL`
  }
  return `Hasura reports an error that keeps sign-in from working (${code}): ${message}`
}

function explain (error: unknown): string {
  if (error instanceof HasuraError) return explainReported(error)
  if (!(error instanceof ActionError)) {
    return 'HASURA_GRAPHQL_ENDPOINT is a GraphQL server, but not Hasura: it does not describe its types. Correct the URL'
  }
  const { cause } = error
  if (isDatabaseAway(cause)) {
    return 'Hasura has no connection to PostgreSQL: start PostgreSQL, or correct the database URL in Hasura\'s environment, '
      + 'such as PG_DATABASE_URL'
  }
  const { code = '', message } = cause as NodeJS.ErrnoException
  const [, status] = /^HTTP_(\d+)$/.exec(code) ?? []
  if (status === undefined) {
    return `HASURA_GRAPHQL_ENDPOINT cannot be reached (${message}): start Hasura, or correct the URL`
  }
  return `HASURA_GRAPHQL_ENDPOINT is not the base URL of a Hasura: /v1/graphql answers HTTP ${status} without GraphQL. `
    + 'Start Hasura, or correct the URL'
}

/** Returns the types that the operations use, or undefined if the metadata disables introspection for admins. */
async function introspect (hasura: Hasura): Promise<Record<string, IntrospectedType> | undefined> {
  try {
    return await hasura.request(SchemaDocument, {})
  } catch (error) {
    if (error instanceof HasuraError && error.code === 'validation-failed') return undefined
    throw error
  }
}

/**
 * Finds out what keeps sign-in from working.
 *
 * @param compareSchema - whether to compare Hasura's schema with the operations, which costs an introspection
 * @returns one line that names the variable or setting and the remedy; undefined if sign-in can work
 */
export async function diagnose (
  hasura: Hasura, { compareSchema }: { compareSchema: boolean }
): Promise<string | undefined> {
  try {
    const types = compareSchema ? await introspect(hasura) : undefined
    const problem = types === undefined ? undefined : compare(types)
    if (problem !== undefined) return problem
    await hasura.request(ReadyDocument, {})
    return undefined
  } catch (error) {
    return explain(error)
  }
}
