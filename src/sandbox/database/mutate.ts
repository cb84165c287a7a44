import type { Session } from '../auth/authenticate.ts'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import type { TrackedTable } from './catalogue.ts'
import { accessOf } from './permissions.ts'
import { sqlFault } from './sql-connection.ts'
import type { SqlConnection } from './sql-connection.ts'
import { all, newStatement, parameter, quote, resolveVariable, tableName } from './statement.ts'
import type { Statement } from './statement.ts'
import { compileWhere } from './where.ts'

/** The rows that a statement has written: how many, and a JSON array of them with all columns. */
export interface Written { count: number, rows: string }

export const nothing: Written = { count: 0, rows: '[]' }

/** Runs a statement; the caller's transaction undoes it if a row fails the permission's check. */
async function write (
  db: SqlConnection, sql: string, check: string, { params }: Statement, path: string
): Promise<Written> {
  const { rows: [written] } = await db.query<Written & { allowed: boolean }>(`
    WITH w AS (${sql} RETURNING to_json(t) AS row, coalesce(${check}, false) AS allowed)
    SELECT count(*)::integer AS count, coalesce(json_agg(w.row), '[]')::text AS rows,
      coalesce(bool_and(w.allowed), true) AS allowed
    FROM w`, params).catch((error: unknown) => { throw sqlFault(error, path) })
  if (written?.allowed) return written
  throw new HasuraFault('permission-error', 'check constraint of an insert/update permission has failed', path)
}

/** Adds the presets of a permission to the values for one row. */
function withPresets (given: Json, set: Json | undefined, of: Statement): Json {
  const presets = Object.entries(set ?? {}).map(([name, value]) => [name, resolveVariable(value, of)])
  return { ...given, ...Object.fromEntries(presets) as Json }
}

function assignments (table: TrackedTable, values: Json, of: Statement, operand = ''): string[] {
  return table.columns.filter(({ name }) => Object.hasOwn(values, name)).map((column) => {
    const name = quote(column.name)
    const left = operand === '' ? '' : `t.${name} ${operand} `
    return `${name} = ${left}${parameter(of, values[column.name], column)}`
  })
}

/** Compiles the filter or the check of a permission. */
function permit (expression: Json | null | undefined, table: TrackedTable, of: Statement): string {
  return compileWhere(expression ?? {}, table, 't', of, 'permission')
}

interface OnConflict { constraint: string, update_columns: string[], where?: Json }

function compileConflict (table: TrackedTable, conflict: OnConflict, of: Statement): string {
  const on = ` ON CONFLICT ON CONSTRAINT ${quote(conflict.constraint)}`
  if (conflict.update_columns.length === 0) return `${on} DO NOTHING`
  const { update } = accessOf(table, of.session.role)
  const set = [
    ...conflict.update_columns.map(name => `${quote(name)} = EXCLUDED.${quote(name)}`),
    ...assignments(table, withPresets({}, update?.set, of), of)
  ]
  const where = compileWhere(conflict.where ?? {}, table, 't', of)
  return `${on} DO UPDATE SET ${set.join(', ')} WHERE ${where} AND ${permit(update?.filter, table, of)}`
}

/**
 * Writes rows according to the arguments of a field. Returns undefined if they change nothing.
 *
 * @param path - the field, for errors
 */
export type Mutate = (
  table: TrackedTable, args: Json, client: { db: SqlConnection, session: Session }, path: string
) => Promise<Written | undefined>

/** Inserts `object` or `objects`. A column that an object omits gets its default. */
export const insertRows: Mutate = async (table, args, { db, session }, path) => {
  const { object, objects = object, on_conflict: conflict } = args
  const of = newStatement(session)
  const { insert, update } = accessOf(table, session.role)
  const rows = ([objects].flat() as Json[]).map(row => withPresets(row, insert?.set, of))
  if (rows.length === 0) return nothing
  const mentioned = table.columns.filter(({ name }) => rows.some(row => Object.hasOwn(row, name)))
  // Names only the columns that are given: an insert into a view must not name one that the view computes.
  const columns = mentioned.length === 0 ? table.columns.slice(0, 1) : mentioned
  const values = rows.map(row => columns.map(column => (
    Object.hasOwn(row, column.name) ? parameter(of, row[column.name], column) : 'DEFAULT'
  )))
  const insertCheck = permit(insert?.check, table, of)
  const sql = `INSERT INTO ${tableName(table)} AS t (${columns.map(({ name }) => quote(name)).join(', ')})
    VALUES ${values.map(row => `(${row.join(', ')})`).join(', ')}`
  const at = `${path}.args.${object === undefined ? 'objects' : 'object'}`
  if (!conflict) return write(db, sql, insertCheck, of, at)
  const updateCheck = permit(update?.check, table, of)
  // An updated row has an xmax: the transaction that locked it before the update.
  const check = `CASE WHEN t.xmax = 0 THEN ${insertCheck} ELSE ${updateCheck} END`
  return write(db, sql + compileConflict(table, conflict as OnConflict, of), check, of, at)
}

/** Updates the rows `where`: sets columns, and adds to numbers. */
export const updateRows: Mutate = async (table, args, { db, session }, path) => {
  const { where, _set: set = {}, _inc: inc = {} } = args as { where: Json, _set?: Json, _inc?: Json }
  const twice = Object.keys(set).filter(column => Object.hasOwn(inc, column)).map(column => `'${column}'`)
  if (twice.length > 0) {
    throw new HasuraFault('validation-failed', `Column found in multiple operators: [${twice.join(', ')}].`, `${path}.args`)
  }
  const of = newStatement(session)
  const { update } = accessOf(table, session.role)
  const changes = [...assignments(table, withPresets(set, update?.set, of), of), ...assignments(table, inc, of, '+')]
  if (changes.length === 0) return undefined
  const condition = all([compileWhere(where, table, 't', of), permit(update?.filter, table, of)])
  const sql = `UPDATE ${tableName(table)} AS t SET ${changes.join(', ')} WHERE ${condition}`
  return write(db, sql, permit(update?.check, table, of), of, '$')
}

/** Deletes the rows `where`. */
export const deleteRows: Mutate = async (table, { where }, { db, session }) => {
  const of = newStatement(session)
  const filter = permit(accessOf(table, session.role).delete?.filter, table, of)
  const condition = all([compileWhere(where as Json, table, 't', of), filter])
  return write(db, `DELETE FROM ${tableName(table)} AS t WHERE ${condition}`, 'true', of, '$')
}
