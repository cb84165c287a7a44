import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Kind, parse as parseGraphQL } from 'graphql'
import type { FieldDefinitionNode, ObjectTypeDefinitionNode, TypeNode } from 'graphql'
import { parse as parseYaml } from 'yaml'

export type Json = Record<string, unknown>

export interface SelectPermission { columns: string[] | '*', filter: Json, limit?: number }
export interface InsertPermission { columns: string[] | '*', check: Json, set: Json }
export interface UpdatePermission { columns: string[] | '*', filter: Json, check: Json, set: Json }
export interface DeletePermission { filter: Json }

export interface Relationship {
  name: string
  kind: 'object' | 'array'
  /** The column with the foreign key: in this table for `object`, in `table` for `array`. */
  column: string
  /** The table that refers to this one; only for `array`. */
  table?: { schema: string, name: string }
}

export interface Table {
  schema: string
  name: string
  relationships: Relationship[]
  select: Map<string, SelectPermission>
  insert: Map<string, InsertPermission>
  update: Map<string, UpdatePermission>
  delete: Map<string, DeletePermission>
}

export interface Action {
  name: string
  /** URL with `{{VARIABLE}}` templates. */
  handler: string
  forwardClientHeaders: boolean
  headers: Array<{ name: string, value?: string, valueFromEnv?: string }>
  /** Seconds to wait for the answer. */
  timeout: number
  /** Roles that may call it beside `admin`. */
  permissions: string[]
  field: FieldDefinitionNode
  output: { name: string, nonNull: boolean, fields: FieldDefinitionNode[] }
}

export interface Metadata { tables: Table[], actions: Action[] }

/** Takes the listed keys out of an object, and stops at any other: a key that is ignored silently is a lie. */
function take<Keys extends string> (
  value: unknown, where: string, keys: readonly Keys[]
): Partial<Record<Keys, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where} must be an object`)
  const unknown = Object.keys(value).find(key => !keys.some(known => known === key))
  if (unknown !== undefined) throw new Error(`The sandbox does not support "${unknown}" in ${where}`)
  return value
}

function list (value: unknown, where: string): unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value as unknown[]
  throw new Error(`${where} must be a list`)
}

function text (value: unknown, where: string): string {
  if (typeof value === 'string') return value
  throw new Error(`${where} must be a string`)
}

function isEmpty (value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && Object.values(value).every(isEmpty))
}

function readYaml (file: string): unknown {
  return parseYaml(readFileSync(file, 'utf8'))
}

function readTableName (value: unknown, where: string): { schema: string, name: string } {
  if (typeof value === 'string') return { schema: 'public', name: value }
  const { schema = 'public', name } = take(value, where, ['schema', 'name'])
  return { schema: text(schema, `${where}.schema`), name: text(name, `${where}.name`) }
}

function readRelationships (value: unknown, kind: 'object' | 'array', where: string): Relationship[] {
  return list(value, where).map((item) => {
    const { name, using } = take(item, where, ['name', 'using', 'comment'])
    const at = `${where} ${String(name)}`
    const { foreign_key_constraint_on: key } = take(using, `${at}.using`, ['foreign_key_constraint_on'])
    const base = { name: text(name, at), kind }
    if (kind === 'object') return { ...base, column: text(key, `${at}.foreign_key_constraint_on`) }
    const { column, table } = take(key, `${at}.foreign_key_constraint_on`, ['column', 'table'])
    return { ...base, column: text(column, `${at}.column`), table: readTableName(table, `${at}.table`) }
  })
}

function readPermissions<Keys extends string, Permission> (
  value: unknown, where: string, keys: readonly Keys[], read: (permission: Partial<Record<Keys, unknown>>) => Permission
): Map<string, Permission> {
  return new Map(list(value, where).map((item) => {
    const { role, permission } = take(item, where, ['role', 'permission', 'comment'])
    const at = `${where} of role ${String(role)}`
    return [text(role, at), read(take(permission, at, keys))]
  }))
}

function readColumns (value: unknown): string[] | '*' {
  return value === '*' ? '*' : list(value, 'columns').map(column => text(column, 'columns'))
}

function readTable (value: unknown, file: string): Table {
  const parts = take(value, file, [
    'table', 'object_relationships', 'array_relationships',
    'select_permissions', 'insert_permissions', 'update_permissions', 'delete_permissions'
  ])
  const object = (value: unknown): Json => (value ?? {}) as Json
  const at = (key: keyof typeof parts): [unknown, string] => [parts[key], `${file}: ${key}`]
  return {
    ...readTableName(parts.table, `${file}: table`),
    relationships: [
      ...readRelationships(parts.object_relationships, 'object', `${file}: object_relationships`),
      ...readRelationships(parts.array_relationships, 'array', `${file}: array_relationships`)
    ],
    select: readPermissions(...at('select_permissions'), ['columns', 'filter', 'limit'], ({ columns, filter, limit }) => ({
      columns: readColumns(columns), filter: object(filter), ...(typeof limit === 'number' && { limit })
    })),
    insert: readPermissions(...at('insert_permissions'), ['columns', 'check', 'set'], ({ columns, check, set }) => ({
      columns: readColumns(columns), check: object(check), set: object(set)
    })),
    update: readPermissions(...at('update_permissions'), ['columns', 'filter', 'check', 'set'], permission => ({
      columns: readColumns(permission.columns),
      filter: object(permission.filter),
      check: object(permission.check),
      set: object(permission.set)
    })),
    delete: readPermissions(...at('delete_permissions'), ['filter'], ({ filter }) => ({ filter: object(filter) }))
  }
}

/** Hasura's CLI writes each table into a file of its own and includes it by a quoted string. */
function include (value: unknown, file: string): [unknown, string] {
  const path = typeof value === 'string' ? /^!include (.+)$/.exec(value)?.[1] : undefined
  if (path === undefined) return [value, file]
  const target = join(dirname(file), path)
  return [readYaml(target), target]
}

function readDatabase (value: unknown, databasesFile: string): Table[] {
  // `configuration` says how Hasura connects to PostgreSQL; the sandbox has a database of its own.
  const { name, kind, tables } = take(value, databasesFile, ['name', 'kind', 'configuration', 'tables'])
  if (name !== 'default' || kind !== 'postgres') {
    throw new Error(`The sandbox supports one database, "default" of kind "postgres": ${databasesFile}`)
  }
  const [entries, file] = include(tables, databasesFile)
  return list(entries, file).map((entry) => {
    const [table, tableFile] = include(entry, file)
    return readTable(table, tableFile)
  })
}

function readHeaders (value: unknown, where: string): Action['headers'] {
  return list(value, where).map((item, index) => {
    const { name, value, value_from_env: variable } = take(item, where, ['name', 'value', 'value_from_env'])
    const at = `${where}[${index}]`
    if (variable === undefined) return { name: text(name, at), value: text(value, at) }
    const valueFromEnv = text(variable, at)
    if (valueFromEnv.startsWith('HASURA_GRAPHQL_')) {
      throw new Error(`env variables start with "HASURA_GRAPHQL_" are not allowed for value_from_env: ${at}`)
    }
    return { name: text(name, at), valueFromEnv }
  })
}

interface Types { fields: FieldDefinitionNode[], objects: Map<string, ObjectTypeDefinitionNode> }

function readTypes (file: string): Types {
  const types: Types = { fields: [], objects: new Map() }
  for (const definition of parseGraphQL(readFileSync(file, 'utf8')).definitions) {
    const isObject = definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.OBJECT_TYPE_EXTENSION
    if (!isObject) throw new Error(`The sandbox does not support ${definition.kind} in ${file}`)
    if (definition.name.value === 'Mutation') types.fields.push(...definition.fields ?? [])
    else if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) types.objects.set(definition.name.value, definition)
    if (definition.name.value === 'Query') throw new Error(`The sandbox does not support query actions: ${file}`)
  }
  return types
}

function readOutput (type: TypeNode, objects: Types['objects'], where: string): Action['output'] {
  const named = type.kind === Kind.NON_NULL_TYPE ? type.type : type
  const object = named.kind === Kind.NAMED_TYPE ? objects.get(named.name.value) : undefined
  if (object === undefined) throw new Error(`The sandbox supports object types as the answer of an action: ${where}`)
  return { name: object.name.value, nonNull: type.kind === Kind.NON_NULL_TYPE, fields: [...object.fields ?? []] }
}

function readAction (value: unknown, { fields, objects }: Types, file: string): Action {
  const { name: actionName, definition, permissions } = take(value, file, ['name', 'definition', 'permissions', 'comment'])
  const name = text(actionName, `${file}: name`)
  const where = `${file}: ${name}`
  const field = fields.find(field => field.name.value === name)
  if (field === undefined) throw new Error(`${where} is not declared in actions.graphql`)
  const { kind = 'synchronous', handler, forward_client_headers: forward = false, headers, timeout = 30 } = take(
    definition, where, ['kind', 'handler', 'forward_client_headers', 'headers', 'timeout']
  )
  if (kind !== 'synchronous') throw new Error(`The sandbox does not support kind "${String(kind)}" in ${where}`)
  return {
    name,
    handler: text(handler, where),
    forwardClientHeaders: forward === true,
    headers: readHeaders(headers, `${where}: headers`),
    timeout: Number(timeout),
    permissions: list(permissions, where).map(item => text(take(item, where, ['role', 'comment']).role, where)),
    field,
    output: readOutput(field.type, objects, where)
  }
}

/**
 * Reads a metadata folder of Hasura's CLI (config v3).
 *
 * @throws Error that names the first key which the sandbox does not support
 */
export function loadMetadata (folder: string): Metadata {
  const known = ['version.yaml', 'actions.yaml', 'databases']
  for (const name of readdirSync(folder).filter(name => name.endsWith('.yaml') && !known.includes(name))) {
    if (!isEmpty(readYaml(join(folder, name)))) throw new Error(`The sandbox does not support ${join(folder, name)}`)
  }
  const actionsFile = join(folder, 'actions.yaml')
  const { actions, custom_types: customTypes } = take(readYaml(actionsFile), actionsFile, ['actions', 'custom_types'])
  const { enums, input_objects: inputs, scalars } = take(
    customTypes, `${actionsFile}: custom_types`, ['enums', 'input_objects', 'objects', 'scalars']
  )
  if (![enums, inputs, scalars].every(isEmpty)) {
    throw new Error(`The sandbox supports "objects" alone in ${actionsFile}: custom_types`)
  }
  const types = readTypes(join(folder, 'actions.graphql'))
  const databases = join(folder, 'databases', 'databases.yaml')
  return {
    tables: list(readYaml(databases), databases).flatMap(database => readDatabase(database, databases)),
    actions: list(actions, actionsFile).map(action => readAction(action, types, actionsFile))
  }
}
