import { accessOf } from '../database/permissions.ts'
import type { TrackedTable } from '../database/catalogue.ts'
import type { Connection } from '../database/connection.ts'
import { sqlFault } from '../database/sql-fault.ts'
import { HasuraFault } from '../fault.ts'
import type { Json } from '../json.ts'
import type { Session } from '../auth/authenticate.ts'
import { compileWhere, parameter, quote, resolveValue, statement, tableName } from '../database/sql.ts'
import type { Row, Statement } from '../database/sql.ts'

export interface OnConflict { constraint: string, update_columns: string[], where?: Json | null }

/** Values for columns: what the client gave, and over it what the permission presets. */
function valuesFor (table: TrackedTable, given: Json, presets: Json, of: Statement): Array<[string, string]> {
  const resolved = Object.entries(presets).map(([name, value]) => [name, resolveValue(value, of)])
  const values = { ...given, ...Object.fromEntries(resolved) as Json }
  return table.columns.filter(({ name }) => Object.hasOwn(values, name))
    .map(column => [quote(column.name), parameter(of, values[column.name], column)])
}

function compileKey ({ columns, primaryKey }: TrackedTable, key: Json, of: Statement): string {
  return columns.filter(({ name }) => primaryKey.includes(name))
    .map(column => `t.${quote(column.name)} = ${parameter(of, key[column.name], column)}`).join(' AND ')
}

function compileConflict (table: TrackedTable, conflict: OnConflict, of: Statement): string {
  const target = ` ON CONFLICT ON CONSTRAINT ${quote(conflict.constraint)}`
  if (conflict.update_columns.length === 0) return `${target} DO NOTHING`
  const { update } = accessOf(table, of.session.role)
  const set = [
    ...conflict.update_columns.map(name => `${quote(name)} = EXCLUDED.${quote(name)}`),
    ...valuesFor(table, {}, update?.set ?? {}, of).map(([name, value]) => `${name} = ${value}`)
  ]
  const where = [
    compileWhere(update?.filter ?? {}, table, 't', of, true), compileWhere(conflict.where ?? {}, table, 't', of)
  ]
  return `${target} DO UPDATE SET ${set.join(', ')} WHERE ${where.join(' AND ')}`
}

/** Runs a statement on one row; the caller's transaction undoes it where the permission's check does not hold. */
async function write (db: Connection, sql: string, { params }: Statement, path: string): Promise<Row | null> {
  const { rows: [result] } = await db.query<{ row: Row, allowed: boolean }>(sql, params).catch((error: unknown) => {
    throw sqlFault(error, path)
  })
  if (result === undefined) return null
  if (result.allowed) return result.row
  throw new HasuraFault('permission-error', 'check constraint of an insert/update permission has failed', path)
}

/** `insert_<table>_one`: the new row; null where `on_conflict` made it do nothing. */
export async function insertOne (
  db: Connection, table: TrackedTable, session: Session, args: { object: Json, on_conflict?: OnConflict | null }
): Promise<Row | null> {
  const of = statement(session)
  const { insert } = accessOf(table, session.role)
  const values = valuesFor(table, args.object, insert?.set ?? {}, of)
  const row = values.length === 0
    ? 'DEFAULT VALUES'
    : `(${values.map(([name]) => name).join(', ')}) VALUES (${values.map(([, value]) => value).join(', ')})`
  const conflict = args.on_conflict ? compileConflict(table, args.on_conflict, of) : ''
  const check = compileWhere(insert?.check ?? {}, table, 't', of, true)
  const sql = `INSERT INTO ${tableName(table)} AS t ${row}${conflict} RETURNING to_jsonb(t) AS row, ${check} AS allowed`
  return write(db, sql, of, `$.selectionSet.insert_${table.graphqlName}_one.args.object`)
}

/** `update_<table>_by_pk`: the row as it is now; null where there is none, or none that the role may update. */
export async function updateByPk (
  db: Connection, table: TrackedTable, session: Session, args: { pk_columns: Json, _set?: Json | null }
): Promise<Row | null> {
  const of = statement(session)
  const { update } = accessOf(table, session.role)
  const set = valuesFor(table, args._set ?? {}, update?.set ?? {}, of).map(([name, value]) => `${name} = ${value}`)
  if (set.length === 0) throw new HasuraFault('validation-failed', 'at least any one of \'_set\' is expected')
  const where = [compileKey(table, args.pk_columns, of), compileWhere(update?.filter ?? {}, table, 't', of, true)]
  const check = compileWhere(update?.check ?? {}, table, 't', of, true)
  const sql = `UPDATE ${tableName(table)} AS t SET ${set.join(', ')} WHERE ${where.join(' AND ')}`
  return write(db, `${sql} RETURNING to_jsonb(t) AS row, ${check} AS allowed`, of, '$')
}

/** `delete_<table>_by_pk`: the row that was; null where there is none, or none that the role may delete. */
export async function deleteByPk (
  db: Connection, table: TrackedTable, session: Session, key: Json
): Promise<Row | null> {
  const of = statement(session)
  const filter = compileWhere(accessOf(table, session.role).delete?.filter ?? {}, table, 't', of, true)
  const sql = `DELETE FROM ${tableName(table)} AS t WHERE ${compileKey(table, key, of)} AND ${filter}`
  return write(db, `${sql} RETURNING to_jsonb(t) AS row, true AS allowed`, of, '$')
}
