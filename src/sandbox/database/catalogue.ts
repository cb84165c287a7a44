import type { Connection } from './connection.ts'
import type { Metadata } from '../metadata/metadata.ts'
import type {
  DeletePermission, InsertPermission, SelectPermission, TableMetadata, UpdatePermission
} from '../metadata/table-metadata.ts'

export interface Column {
  name: string
  /** PostgreSQL's name of the type, such as `int4`. */
  type: string
  /** The same as SQL writes it, with its schema where that is needed. */
  cast: string
  notNull: boolean
}

/** A tracked table, as the database and the metadata together describe it. */
export interface TrackedTable {
  schema: string
  name: string
  /** The name of its fields and types in GraphQL. */
  graphqlName: string
  columns: Column[]
  primaryKey: string[]
  /** Names of its primary key and unique constraints. */
  constraints: string[]
  /** `target.to` equals `from` of this table. */
  relationships: Array<{ name: string, kind: 'object' | 'array', target: TrackedTable, from: string, to: string }>
  /** By role. */
  permissions: {
    select: Map<string, SelectPermission>
    insert: Map<string, InsertPermission>
    update: Map<string, UpdatePermission>
    delete: Map<string, DeletePermission>
  }
}

interface CatalogueRow {
  schema: string
  name: string
  columns: Column[]
  primaryKey: string[]
  constraints: string[]
  foreignKeys: Array<{ column: string, schema: string, table: string, to: string }>
}

const query = `
  SELECT n.nspname AS schema, c.relname AS name,
    (SELECT json_agg(json_build_object(
        'name', a.attname, 'type', t.typname, 'cast', format_type(t.oid, NULL), 'notNull', a.attnotnull
      ) ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT coalesce(json_agg(a.attname ORDER BY k.position), '[]')
      FROM pg_constraint p, unnest(p.conkey) WITH ORDINALITY k (attnum, position), pg_attribute a
      WHERE p.conrelid = c.oid AND p.contype = 'p' AND a.attrelid = c.oid AND a.attnum = k.attnum) AS "primaryKey",
    (SELECT coalesce(json_agg(p.conname ORDER BY p.conname), '[]')
      FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype IN ('p', 'u')) AS constraints,
    (SELECT coalesce(json_agg(json_build_object(
        'column', a.attname, 'schema', fn.nspname, 'table', fc.relname, 'to', fa.attname
      )), '[]')
      FROM pg_constraint p
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.conkey[1]
      JOIN pg_class fc ON fc.oid = p.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
      JOIN pg_attribute fa ON fa.attrelid = fc.oid AND fa.attnum = p.confkey[1]
      WHERE p.conrelid = c.oid AND p.contype = 'f' AND cardinality(p.conkey) = 1) AS "foreignKeys"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v', 'm', 'p')`

interface Entry { metadata: TableMetadata, row: CatalogueRow, table: TrackedTable }

/**
 * Looks up every tracked table in the database's own catalogue.
 *
 * @throws Error where the metadata names a table, a column or a foreign key that the database does not have
 */
export async function readCatalogue (db: Connection, { tables }: Metadata): Promise<TrackedTable[]> {
  const { rows } = await db.query<CatalogueRow>(query)
  const entries = tables.map((metadata): Entry => {
    const { schema, name } = metadata.table
    const row = rows.find(row => row.schema === schema && row.name === name)
    if (row === undefined) throw new Error(`The metadata tracks ${schema}.${name}, which the database does not have`)
    return { metadata, row, table: track(metadata, row) }
  })
  for (const entry of entries) relate(entry, entries)
  return entries.map(({ table }) => table)
}

function byRole<Permission> (list: Array<{ role: string, permission: Permission }>): Map<string, Permission> {
  return new Map(list.map(({ role, permission }) => [role, permission]))
}

function track (metadata: TableMetadata, row: CatalogueRow): TrackedTable {
  const { schema, name, columns, primaryKey, constraints } = row
  const { select_permissions: select, insert_permissions: insert, update_permissions: update } = metadata
  const presets = [...insert, ...update].flatMap(({ permission: { set } }) => Object.keys(set))
  for (const granted of [...[...select, ...insert, ...update].map(({ permission }) => permission.columns), presets]) {
    const missing = [granted].flat().find(item => item !== '*' && !columns.some(({ name }) => name === item))
    if (missing !== undefined) throw new Error(`A permission names ${name}.${missing}, which the database does not have`)
  }
  const graphqlName = schema === 'public' ? name : `${schema}_${name}`
  const permissions = {
    select: byRole(select), insert: byRole(insert), update: byRole(update), delete: byRole(metadata.delete_permissions)
  }
  return { schema, name, graphqlName, columns, primaryKey, constraints, relationships: [], permissions }
}

function relate ({ metadata, row, table }: Entry, entries: Entry[]): void {
  const find = (schema: string | undefined, name: string | undefined): Entry | undefined => (
    entries.find(({ table }) => table.schema === schema && table.name === name)
  )
  const missingKey = (name: string, column: string): Error => (
    new Error(`The relationship ${table.name}.${name} needs a foreign key on ${column} between two tracked tables`)
  )
  for (const { name, using: { foreign_key_constraint_on: column } } of metadata.object_relationships) {
    const key = row.foreignKeys.find(key => key.column === column)
    const target = find(key?.schema, key?.table)?.table
    if (key === undefined || target === undefined) throw missingKey(name, `${table.name}.${column}`)
    table.relationships.push({ name, kind: 'object', target, from: column, to: key.to })
  }
  for (const { name, using: { foreign_key_constraint_on: { column, table: other } } } of metadata.array_relationships) {
    const target = find(other.schema, other.name)
    const key = target?.row.foreignKeys.find(key => (
      key.column === column && key.schema === table.schema && key.table === table.name
    ))
    if (key === undefined || target === undefined) throw missingKey(name, `${other.name}.${column}`)
    table.relationships.push({ name, kind: 'array', target: target.table, from: key.to, to: column })
  }
}
