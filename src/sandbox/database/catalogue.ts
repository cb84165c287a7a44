import type { Json } from '../json.ts'
import type { Metadata } from '../metadata/metadata.ts'
import type { Access, TableMetadata } from '../metadata/table-metadata.ts'
import type { SqlConnection } from './sql-connection.ts'

export interface Column {
  name: string
  /** PostgreSQL's name of the type: `int4`, and `_int4` for an array. */
  type: string
  /** The type in SQL, with its schema where that is needed. */
  cast: string
  notNull: boolean
}

/** A table as PostgreSQL's catalogue describes it. */
interface CatalogueTable {
  schema: string
  name: string
  columns: Column[]
  primaryKey: string[]
  /** The names of the primary key and the unique constraints. */
  constraints: string[]
  /** The foreign keys of one column: it refers to `to` of another table. */
  foreignKeys: Array<{ column: string, schema: string, table: string, to: string }>
}

/** A path to another table: its column `to` equals the column `from` of this table. */
interface Relationship { name: string, kind: 'object' | 'array', target: TrackedTable, from: string, to: string }

/** A table that the metadata tracks. */
export interface TrackedTable extends CatalogueTable {
  /** The name of its fields and types in GraphQL. */
  graphqlName: string
  relationships: Relationship[]
  /** By role. */
  permissions: Map<string, Access>
}

/** Hasura leaves out columns and constraints whose names GraphQL does not accept. */
const graphqlPattern = String.raw`'^[_A-Za-z]\w*$'`

const query = `
  SELECT n.nspname AS schema, c.relname AS name,
    (SELECT json_agg(json_build_object(
        'name', a.attname, 'type', t.typname, 'cast', format_type(t.oid, NULL), 'notNull', a.attnotnull
      ) ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname ~ ${graphqlPattern}) AS columns,
    (SELECT coalesce(json_agg(a.attname ORDER BY k.position), '[]')
      FROM pg_constraint p, unnest(p.conkey) WITH ORDINALITY k (attnum, position), pg_attribute a
      WHERE p.conrelid = c.oid AND p.contype = 'p' AND a.attrelid = c.oid AND a.attnum = k.attnum) AS "primaryKey",
    (SELECT coalesce(json_agg(p.conname ORDER BY p.conname), '[]')
      FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype IN ('p', 'u') AND p.conname ~ ${graphqlPattern}) AS constraints,
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

/**
 * Finds the tables of the metadata in the database.
 *
 * @throws Error if the metadata names a table, a column or a foreign key that the database does not have
 */
export async function readCatalogue (db: SqlConnection, { tables }: Metadata): Promise<TrackedTable[]> {
  const { rows } = await db.query<CatalogueTable>(query)
  const tracked = tables.map((metadata) => {
    const { schema, name } = metadata.table
    const table = rows.find(row => row.schema === schema && row.name === name)
    if (table === undefined) throw new Error(`The metadata tracks ${schema}.${name}, which the database does not have`)
    return { metadata, table: track(metadata, table) }
  })
  const all = tracked.map(({ table }) => table)
  for (const { table, metadata } of tracked) relate(table, metadata, all)
  return all
}

function track (metadata: TableMetadata, table: CatalogueTable): TrackedTable {
  const { schema, name, columns } = table
  const graphqlName = metadata.configuration.custom_name ?? (schema === 'public' ? name : `${schema}_${name}`)
  const permissions = new Map<string, Access>()
  for (const operation of ['select', 'insert', 'update', 'delete'] as const) {
    for (const { role, permission } of metadata[`${operation}_permissions`]) {
      permissions.set(role, { ...permissions.get(role), [operation]: permission })
      const { columns: granted = [], set = {} } = permission as { columns?: string[] | '*', set?: Json }
      const missing = [granted, Object.keys(set)].flat().find(item => item !== '*' && !columns.some(({ name }) => name === item))
      if (missing !== undefined) throw new Error(`A permission names ${name}.${missing}, which the database does not have`)
    }
  }
  return { ...table, graphqlName, relationships: [], permissions }
}

/** Adds the relationships of a table. They follow foreign keys: its own to an object, those of others to an array. */
function relate (table: TrackedTable, metadata: TableMetadata, tables: TrackedTable[]): void {
  const find = (schema?: string, name?: string): TrackedTable | undefined => (
    tables.find(table => table.schema === schema && table.name === name)
  )
  const missingKey = (name: string, column: string): Error => (
    new Error(`The relationship ${table.name}.${name} needs a foreign key on ${column} between two tracked tables`)
  )
  for (const { name, using: { foreign_key_constraint_on: column } } of metadata.object_relationships) {
    const key = table.foreignKeys.find(key => key.column === column)
    const target = find(key?.schema, key?.table)
    if (key === undefined || target === undefined) throw missingKey(name, `${table.name}.${column}`)
    table.relationships.push({ name, kind: 'object', target, from: column, to: key.to })
  }
  for (const { name, using: { foreign_key_constraint_on: { column, table: other } } } of metadata.array_relationships) {
    const target = find(other.schema, other.name)
    const key = target?.foreignKeys.find(key => key.column === column && find(key.schema, key.table) === table)
    if (key === undefined || target === undefined) throw missingKey(name, `${other.name}.${column}`)
    table.relationships.push({ name, kind: 'array', target, from: key.to, to: column })
  }
}
