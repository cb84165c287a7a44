import type { Session } from '../auth/authenticate.ts'
import type { Json } from '../json.ts'
import type { Column, TrackedTable } from './catalogue.ts'
import { accessOf } from './permissions.ts'
import type { SqlConnection } from './sql-connection.ts'
import { all, newStatement, parameter, quote, tableName } from './statement.ts'
import type { Statement } from './statement.ts'
import { compileFilter, compileWhere } from './where.ts'

/** A field that a client selects, with its arguments and the fields below it. */
export interface Selected {
  /** Its name in the answer. */
  alias: string
  name: string
  /** The type of the object that it belongs to. */
  typeName: string
  args: Json
  fields: Selected[]
}

/** What a query needs of a field: its arguments and the fields below it. */
type Query = Pick<Selected, 'args' | 'fields'>

/** The rows to read. */
export interface Source {
  table: TrackedTable
  /** The condition of a relationship. */
  condition?: (alias: string) => string
  /** Instead of the table, a JSON array of rows that a mutation has written. */
  written?: string
}

const text: Column = { name: '', type: 'text', cast: 'text', notNull: true }

/** Compiles a query for the rows that match and that the caller may select. Each gives one `value`, named `item`. */
function compileRows (
  args: Json, { table, condition, written }: Source, of: Statement, value: (alias: string) => string, bound?: number
): string {
  const alias = `t${++of.aliases}`
  const from = written === undefined
    ? tableName(table)
    : `json_populate_recordset(NULL::${tableName(table)}, ${parameter(of, written, text)}::json)`
  const where = all([
    compileWhere((args['where'] ?? {}) as Json, table, alias, of),
    written === undefined ? compileFilter(table, alias, of) : 'true',
    condition?.(alias) ?? 'true'
  ])
  const order = [args['order_by'] ?? []].flat().flatMap(term => Object.entries(term as Json))
    .filter(([, direction]) => direction !== null)
    .map(([name, direction]) => `${alias}.${quote(name)} ${String(direction).replaceAll('_', ' ')}`)
  const orderBy = order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`
  const limits = [args['limit'], bound].filter(limit => typeof limit === 'number')
  const limit = limits.length === 0 ? 'ALL' : Math.min(...limits)
  const offset = typeof args['offset'] === 'bigint' ? args['offset'] : 0
  return `SELECT ${value(alias)} AS item FROM ${from} ${alias} WHERE ${where} ${orderBy} LIMIT ${limit} OFFSET ${offset}`
}

/** Compiles a JSON object. PostgreSQL writes the values, so that numbers keep all their digits. */
export function compileObject (fields: Selected[], value: (field: Selected) => string): string {
  const columns = fields.map((field) => {
    const sql = field.name === '__typename' ? `'${field.typeName}'::text` : value(field)
    return `${sql} AS ${quote(field.alias)}`
  })
  return `(SELECT row_to_json(o) FROM (SELECT ${columns.join(', ')}) o)`
}

function compileRow (fields: Selected[], table: TrackedTable, alias: string, of: Statement): string {
  return compileObject(fields, (field) => {
    const { name } = field
    if (table.columns.some(column => column.name === name)) return `${alias}.${quote(name)}`
    const relationship = table.relationships.find(item => item.name === name)
    if (relationship === undefined) throw new Error(`${table.name} has no ${name}`)
    const { kind, target, from, to } = relationship
    const condition = (inner: string): string => `${inner}.${quote(to)} = ${alias}.${quote(from)}`
    return (kind === 'array' ? compileList : compileOne)(field, { table: target, condition }, of)
  })
}

/** Compiles a query for one row as a JSON object. */
export function compileOne ({ args, fields }: Query, source: Source, of: Statement): string {
  return `(${compileRows(args, source, of, alias => compileRow(fields, source.table, alias, of), 1)})`
}

/** Compiles a query for rows as a JSON array. */
export function compileList ({ args, fields }: Query, source: Source, of: Statement): string {
  const bound = source.written === undefined ? accessOf(source.table, of.session.role).select?.limit : undefined
  const rows = compileRows(args, source, of, alias => compileRow(fields, source.table, alias, of), bound)
  return `(SELECT coalesce(json_agg(r.item), '[]') FROM (${rows}) r)`
}

/** Compiles a query for `<table>_aggregate`, which only counts. The limit of a permission does not apply. */
export function compileAggregate ({ args, fields }: Query, source: Source, of: Statement): string {
  const count = (): string => `(SELECT count(*) FROM (${compileRows(args, source, of, () => '1')}) r)`
  return compileObject(fields, ({ fields }) => compileObject(fields, count))
}

/**
 * Runs a query that gives one JSON value.
 *
 * @returns the JSON, as PostgreSQL writes it
 */
export async function runQuery (
  db: SqlConnection, session: Session, compile: (of: Statement) => string
): Promise<string> {
  const of = newStatement(session)
  const { rows } = await db.query<{ json: string | null }>(`SELECT ${compile(of)}::text AS json`, of.params)
  return rows[0]?.json ?? 'null'
}
