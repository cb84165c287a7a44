import type { Column, TrackedTable } from './catalogue.ts'
import type { Connection } from './connection.ts'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import type { Session } from '../auth/authenticate.ts'

export type Row = Record<string, unknown>

/** What a statement is compiled for: its parameters so far, and who asks. */
export interface Statement { params: Array<string | null>, session: Session, aliases: number }

export function statement (session: Session): Statement {
  return { params: [], session, aliases: 0 }
}

/** Quotes an identifier. */
export function quote (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function tableName ({ schema, name }: TrackedTable): string {
  return `${quote(schema)}.${quote(name)}`
}

/** Adds a parameter and returns its place, which PostgreSQL reads as a literal of the column's type. */
export function parameter ({ params }: Statement, value: unknown, { type, cast }: Column): string {
  const isJson = type === 'json' || type === 'jsonb'
  params.push(value === null || (typeof value === 'string' && !isJson) ? value : JSON.stringify(value))
  const text = `$${params.length}::text`
  if (!Array.isArray(value) || isJson) return `${text}::${cast}`
  return `ARRAY(SELECT jsonb_array_elements_text(${text}::jsonb))::${cast}`
}

const operators: Record<string, string> = { _eq: '=', _neq: '<>', _gt: '>', _lt: '<', $eq: '=', $neq: '<>' }

/** A value of a permission that names a session variable stands for what the caller's session has there. */
export function resolveValue (value: unknown, { session }: Statement): unknown {
  if (typeof value !== 'string' || !/^x-hasura-/i.test(value)) return value
  const name = value.toLowerCase()
  const resolved = session.variables[name]
  if (resolved === undefined) throw new HasuraFault('not-found', `missing session variable: "${name}"`)
  return resolved
}

function arrayOf (column: Column): Column {
  return { ...column, type: `_${column.type}`, cast: `${column.cast}[]` }
}

function compare (left: string, column: Column, comparison: unknown, of: Statement, resolve: boolean): string {
  const value = (raw: unknown): unknown => (resolve ? resolveValue(raw, of) : raw)
  const operations = typeof comparison === 'object' && comparison !== null ? comparison : { _eq: comparison }
  return all(Object.entries(operations).map(([operator, raw]: [string, unknown]) => {
    if (raw === null) throw new HasuraFault('validation-failed', `unexpected null value for "${operator}"`)
    if (operator === '_is_null') return `${left} IS ${raw === true ? '' : 'NOT '}NULL`
    if (operator === '_in' && Array.isArray(raw)) {
      return raw.length === 0 ? 'false' : `${left} IN (${raw.map(item => parameter(of, value(item), column)).join(', ')})`
    }
    // A session variable in the place of a list is PostgreSQL's literal of an array.
    if (operator === '_in' && resolve) return `${left} = ANY (${parameter(of, value(raw), arrayOf(column))})`
    const symbol = operators[operator]
    if (symbol === undefined) throw new Error(`The sandbox does not support the operator "${operator}"`)
    return `${left} ${symbol} ${parameter(of, value(raw), column)}`
  }))
}

function all (conditions: string[]): string {
  return conditions.length === 0 ? 'true' : `(${conditions.join(' AND ')})`
}

function any (conditions: string[]): string {
  return conditions.length === 0 ? 'false' : `(${conditions.join(' OR ')})`
}

function items (value: unknown): Json[] {
  return (Array.isArray(value) ? value : [value]) as Json[]
}

/**
 * Compiles a boolean expression: a client's `where`, or the filter or check of a permission.
 *
 * @param permission - whether it is a permission's; only there do values name session variables, and only a client's
 *   path through a relationship passes the permissions of the other table
 */
export function compileWhere (
  where: Json, table: TrackedTable, alias: string, of: Statement, permission = false
): string {
  return all(Object.entries(where).map(([key, value]) => {
    if (value === null) throw new HasuraFault('validation-failed', `unexpected null value for "${key}"`)
    const recurse = (item: Json): string => compileWhere(item, table, alias, of, permission)
    if (key === '_and' || key === '$and') return all(items(value).map(recurse))
    if (key === '_or' || key === '$or') return any(items(value).map(recurse))
    if (key === '_not' || key === '$not') return `NOT ${recurse(value as Json)}`

    const column = table.columns.find(({ name }) => name === key)
    if (column !== undefined) return compare(`${alias}.${quote(key)}`, column, value, of, permission)

    const relationship = table.relationships.find(({ name }) => name === key)
    if (relationship === undefined) throw new Error(`The sandbox does not support "${key}" in an expression on ${table.name}`)
    const { target: other, from, to } = relationship
    const inner = `r${++of.aliases}`
    const condition = all([
      `${inner}.${quote(to)} = ${alias}.${quote(from)}`,
      compileWhere(value as Json, other, inner, of, permission),
      permission ? 'true' : compileFilter(other, inner, of)
    ])
    return `EXISTS (SELECT 1 FROM ${tableName(other)} ${inner} WHERE ${condition})`
  }))
}

/** The rows that the caller's role may select; the administrator's are all. */
export function compileFilter (table: TrackedTable, alias: string, of: Statement): string {
  const { role } = of.session
  if (role === 'admin') return 'true'
  return compileWhere(table.permissions.select.get(role)?.filter ?? {}, table, alias, of, true)
}

/**
 * Compiles every permission once.
 *
 * @throws Error that names an operator or a key which the sandbox does not support
 */
export function checkPermissions (tables: TrackedTable[]): void {
  // Whatever session variable a permission names, somebody may have it.
  const of = statement({ role: 'admin', variables: new Proxy({}, { get: () => '' }) })
  for (const table of tables) {
    const { select, insert, update, delete: remove } = table.permissions
    const filters = [...select.values(), ...update.values(), ...remove.values()].map(({ filter }) => filter)
    const checks = [...insert.values(), ...update.values()].map(({ check }) => check ?? {})
    for (const expression of [...filters, ...checks]) compileWhere(expression, table, 't', of, true)
  }
}

export interface SelectArguments {
  where?: Json | null
  order_by?: Json | Json[] | null
  limit?: number | null
  offset?: number | null
}

const integer: Column = { name: '', type: 'int4', cast: 'integer', notNull: true }

const directions: Record<string, string> = {
  asc: 'ASC', asc_nulls_first: 'ASC NULLS FIRST', asc_nulls_last: 'ASC NULLS LAST',
  desc: 'DESC', desc_nulls_first: 'DESC NULLS FIRST', desc_nulls_last: 'DESC NULLS LAST'
}

function compileOrder (order: unknown): string {
  const terms = items(order ?? []).flatMap(term => Object.entries(term))
    .map(([column, direction]) => `t.${quote(column)} ${directions[String(direction)] ?? 'ASC'}`)
  return terms.length === 0 ? '' : ` ORDER BY ${terms.join(', ')}`
}

/** Selects the rows that match and that the caller may see, as PostgreSQL writes them in JSON. */
export async function select (
  db: Connection, table: TrackedTable, session: Session, { where, order_by: order, limit, offset }: SelectArguments
): Promise<Row[]> {
  const of = statement(session)
  const condition = all([compileWhere(where ?? {}, table, 't', of), compileFilter(table, 't', of)])
  const permitted = session.role === 'admin' ? undefined : table.permissions.select.get(session.role)?.limit
  const bounds = [limit, permitted].filter(bound => typeof bound === 'number')
  const sql = [
    `SELECT to_jsonb(t) AS row FROM ${tableName(table)} t WHERE ${condition}${compileOrder(order)}`,
    bounds.length === 0 ? '' : ` LIMIT ${parameter(of, Math.min(...bounds), integer)}`,
    typeof offset !== 'number' ? '' : ` OFFSET ${parameter(of, offset, integer)}`
  ].join('')
  const { rows } = await db.query<{ row: Row }>(sql, of.params)
  return rows.map(({ row }) => row)
}
