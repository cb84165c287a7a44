import type { PGlite } from '@electric-sql/pglite'
import type { Metadata, Relationship, Table } from './metadata.ts'

export interface Column {
  name: string
  /** PostgreSQL's name of the type, such as `int4`. */
  type: string
  notNull: boolean
}

/** A tracked table, as the database and the metadata together describe it. */
export interface TrackedTable extends Omit<Table, 'relationships'> {
  /** The name of its fields and types in GraphQL. */
  graphqlName: string
  columns: Column[]
  primaryKey: string[]
  /** Names of its primary key and unique constraints. */
  constraints: string[]
  relationships: Array<Relationship & { join: Join }>
}

/** `table.column` of the other side equals `from` of this side. */
export interface Join { table: TrackedTable, from: string, to: string }

interface CatalogueRow {
  schema: string
  name: string
  columns: Column[]
  primaryKey: string[] | null
  constraints: string[] | null
  foreignKeys: Array<{ column: string, schema: string, table: string, to: string }> | null
}

const query = `
  SELECT n.nspname AS schema, c.relname AS name,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', t.typname, 'notNull', a.attnotnull) ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT json_agg(a.attname ORDER BY k.position)
      FROM pg_constraint p, unnest(p.conkey) WITH ORDINALITY k (attnum, position), pg_attribute a
      WHERE p.conrelid = c.oid AND p.contype = 'p' AND a.attrelid = c.oid AND a.attnum = k.attnum) AS "primaryKey",
    (SELECT json_agg(p.conname ORDER BY p.conname)
      FROM pg_constraint p WHERE p.conrelid = c.oid AND p.contype IN ('p', 'u')) AS constraints,
    (SELECT json_agg(json_build_object('column', a.attname, 'schema', fn.nspname, 'table', fc.relname, 'to', fa.attname))
      FROM pg_constraint p
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.conkey[1]
      JOIN pg_class fc ON fc.oid = p.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
      JOIN pg_attribute fa ON fa.attrelid = fc.oid AND fa.attnum = p.confkey[1]
      WHERE p.conrelid = c.oid AND p.contype = 'f' AND cardinality(p.conkey) = 1) AS "foreignKeys"
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v', 'm', 'p')`

/**
 * Looks up every tracked table in the database's own catalogue.
 *
 * @throws Error where the metadata names a table, a column or a foreign key that the database does not have
 */
export async function readCatalogue (db: PGlite, { tables }: Metadata): Promise<TrackedTable[]> {
  const { rows } = await db.query<CatalogueRow>(query)
  const rowOf = ({ schema, name }: { schema: string, name: string }): CatalogueRow => {
    const row = rows.find(row => row.schema === schema && row.name === name)
    if (row === undefined) throw new Error(`The metadata tracks ${schema}.${name}, which the database does not have`)
    return row
  }

  const tracked = tables.map((table): TrackedTable => {
    const { columns, primaryKey, constraints: names } = rowOf(table)
    const keys = { primaryKey: primaryKey ?? [], constraints: names ?? [] }
    const graphqlName = table.schema === 'public' ? table.name : `${table.schema}_${table.name}`
    return { ...table, graphqlName, columns, ...keys, relationships: [] }
  })

  const join = (table: Table, { name, column, table: other }: Relationship): Join => {
    const [from, to] = [other ?? table, other === undefined ? undefined : table]
    const key = rowOf(from).foreignKeys?.find(key => (
      key.column === column && (to === undefined || (key.schema === to.schema && key.table === to.name))
    ))
    const wanted = other ?? { schema: key?.schema, name: key?.table }
    const target = tracked.find(({ schema, name }) => schema === wanted.schema && name === wanted.name)
    if (key === undefined || target === undefined) {
      throw new Error(`The relationship ${table.name}.${name} has no foreign key between tracked tables on ${column}`)
    }
    const [here, there] = other === undefined ? [column, key.to] : [key.to, column]
    return { table: target, from: here, to: there }
  }

  for (const [index, table] of tables.entries()) {
    for (const relationship of table.relationships) {
      tracked[index]?.relationships.push({ ...relationship, join: join(table, relationship) })
    }
  }
  return tracked
}
