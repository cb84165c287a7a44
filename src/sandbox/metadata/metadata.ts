import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { GraphQLField } from 'graphql'
import { parse } from 'yaml'
import { z } from 'zod'
import { readActionFields } from './action-declarations.ts'

const json = z.record(z.string(), z.unknown())
const comment = z.string().optional()
const columns = z.union([z.literal('*'), z.array(z.string())])
const tableName = z.preprocess(
  name => (typeof name === 'string' ? { name } : name),
  z.strictObject({ schema: z.string().default('public'), name: z.string() })
)

const relationshipsBy = <T extends z.ZodType>(key: T) => z.array(z.strictObject({
  name: z.string(), using: z.strictObject({ foreign_key_constraint_on: key }), comment
})).default([])

const permissionsOf = <T extends z.ZodType>(permission: T) => z.array(z.strictObject({
  role: z.string(), permission, comment
})).default([])

const selectPermission = z.strictObject({ columns, filter: json, limit: z.int().optional() })
const insertPermission = z.strictObject({ columns, check: json, set: json.default({}) })
const updatePermission = z.strictObject({ columns, filter: json, check: json.nullish(), set: json.default({}) })
const deletePermission = z.strictObject({ filter: json })

const tableSchema = z.strictObject({
  table: tableName,
  object_relationships: relationshipsBy(z.string()),
  array_relationships: relationshipsBy(z.strictObject({ column: z.string(), table: tableName })),
  select_permissions: permissionsOf(selectPermission),
  insert_permissions: permissionsOf(insertPermission),
  update_permissions: permissionsOf(updatePermission),
  delete_permissions: permissionsOf(deletePermission)
})

const databaseSchema = z.strictObject({
  name: z.literal('default'),
  kind: z.literal('postgres'),
  // How Hasura connects to PostgreSQL; the sandbox has a database of its own.
  configuration: json,
  tables: z.unknown()
})

const headerSchema = z.strictObject({
  name: z.string(),
  value: z.string().optional(),
  value_from_env: z.string().regex(
    /^(?!HASURA_GRAPHQL_)/, 'env variables start with "HASURA_GRAPHQL_" are not allowed for value_from_env'
  ).optional()
})

const actionSchema = z.strictObject({
  name: z.string(),
  definition: z.strictObject({
    kind: z.literal('synchronous').default('synchronous'),
    handler: z.string(),
    forward_client_headers: z.boolean().default(false),
    headers: z.array(headerSchema).default([]),
    // Seconds to wait for the answer.
    timeout: z.int().nonnegative('timeout value cannot be negative').default(30)
  }),
  permissions: z.array(z.strictObject({ role: z.string() })).default([]),
  comment
})

const named = z.strictObject({ name: z.string() })
const actionsSchema = z.strictObject({
  actions: z.array(actionSchema),
  // The objects stand in actions.graphql; here Hasura keeps no more than their names.
  custom_types: z.strictObject({
    enums: z.tuple([]), input_objects: z.tuple([]), objects: z.array(named), scalars: z.tuple([])
  }).partial()
})

export type SelectPermission = z.output<typeof selectPermission>
export type InsertPermission = z.output<typeof insertPermission>
export type UpdatePermission = z.output<typeof updatePermission>
export type DeletePermission = z.output<typeof deletePermission>
export type Table = z.output<typeof tableSchema>
export type Action = z.output<typeof actionSchema> & { field: GraphQLField<unknown, unknown> }
export interface Metadata { tables: Table[], actions: Action[] }

/** Holds a value against a schema; a key that were ignored silently would be a lie. */
function check<T extends z.ZodType> (schema: T, value: unknown, file: string): z.output<T> {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  // A key too many before a key too few: where one is misspelt, both are reported.
  const issue = error.issues.find(({ code }) => code === 'unrecognized_keys') ?? error.issues[0]
  const where = [file, ...issue?.path ?? []].join(': ')
  if (issue?.code === 'unrecognized_keys') {
    throw new Error(`The sandbox does not support "${String(issue.keys[0])}" in ${where}`)
  }
  throw new Error(`The sandbox does not support ${where}: ${issue?.message ?? 'invalid'}`)
}

function readYaml (file: string): unknown {
  return parse(readFileSync(file, 'utf8'))
}

/** Hasura's CLI writes each table into a file of its own and includes it by a quoted string. */
function include (value: unknown, file: string): [unknown, string] {
  const path = typeof value === 'string' ? /^!include (.+)$/.exec(value)?.[1] : undefined
  if (path === undefined) return [value, file]
  const target = join(dirname(file), path)
  return [readYaml(target), target]
}

function readTables (databasesFile: string): Table[] {
  const databases = check(z.array(databaseSchema), readYaml(databasesFile), databasesFile)
  return databases.flatMap(({ tables }) => {
    const [entries, file] = include(tables, databasesFile)
    return check(z.array(z.unknown()), entries, file).map((entry) => {
      const [table, tableFile] = include(entry, file)
      return check(tableSchema, table, tableFile)
    })
  })
}

function isEmpty (value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && Object.values(value).every(isEmpty))
}

/**
 * Reads a metadata folder of Hasura's CLI (config v3).
 *
 * @throws Error that names the first key which the sandbox does not support
 */
export function loadMetadata (folder: string): Metadata {
  const supported = ['version.yaml', 'actions.yaml']
  for (const name of readdirSync(folder).filter(name => name.endsWith('.yaml') && !supported.includes(name))) {
    const [first] = Object.entries(readYaml(join(folder, name)) ?? {}).filter(([, value]) => !isEmpty(value))
    if (first !== undefined) throw new Error(`The sandbox does not support "${first[0]}" in ${join(folder, name)}`)
  }
  const versionFile = join(folder, 'version.yaml')
  check(z.strictObject({ version: z.literal(3) }), readYaml(versionFile), versionFile)
  const file = join(folder, 'actions.yaml')
  const { actions } = check(actionsSchema, readYaml(file), file)
  const fieldOf = readActionFields(join(folder, 'actions.graphql'))
  return {
    tables: readTables(join(folder, 'databases', 'databases.yaml')),
    actions: actions.map(action => ({ ...action, field: fieldOf(action.name) }))
  }
}
