import type { Json } from '../json.ts'
import type { Column, TrackedTable } from './catalogue.ts'
import { accessOf } from './permissions.ts'
import { all, newStatement, parameter, quote, resolveVariable, tableName } from './statement.ts'
import type { Statement } from './statement.ts'

/** Hasura's operators on one value, in SQL. */
export const comparisons = {
  _eq: '=', _neq: '<>', _gt: '>', _gte: '>=', _lt: '<', _lte: '<='
}

/** Hasura's operators on a pattern, in SQL. */
export const patternMatches = {
  _like: 'LIKE', _nlike: 'NOT LIKE', _ilike: 'ILIKE', _nilike: 'NOT ILIKE',
  _similar: 'SIMILAR TO', _nsimilar: 'NOT SIMILAR TO',
  _regex: '~', _nregex: '!~', _iregex: '~*', _niregex: '!~*'
}

// Permissions also accept `_ne`.
const operators: Record<string, string> = { ...comparisons, ...patternMatches, _ne: '<>' }
const listOperators: Record<string, string> = { _in: '= ANY', _nin: '<> ALL' }

/** Who wrote an expression: in a permission, strings may name session variables. */
type Author = 'client' | 'permission'

function compare (left: string, column: Column, comparison: unknown, of: Statement, author: Author): string {
  const value = (raw: unknown): unknown => (author === 'permission' ? resolveVariable(raw, of) : raw)
  const operations = typeof comparison === 'object' ? comparison ?? {} : { _eq: comparison }
  return all(Object.entries(operations).map(([key, raw]: [string, unknown]) => {
    const operator = key.replace('$', '_')
    if (operator === '_is_null') return `${left} IS ${raw === true ? '' : 'NOT '}NULL`
    const list = listOperators[operator]
    // In a permission, a session variable in place of a list holds a PostgreSQL array literal.
    const values = Array.isArray(raw) ? raw.map(value) : value(raw)
    const array = { ...column, type: `_${column.type}`, cast: `${column.cast}[]` }
    if (list !== undefined) return `${left} ${list} (${parameter(of, values, array)})`
    const symbol = operators[operator]
    if (symbol === undefined) throw new Error(`The sandbox does not support the operator "${key}"`)
    return `${left} ${symbol} ${parameter(of, values, column)}`
  }))
}

/**
 * Compiles a boolean expression: the `where` of a client, or the filter or check of a permission.
 *
 * @param alias - the alias of the table in the statement
 * @param author - a client's path through a relationship is subject to the permissions on the other table
 * @throws Error that names a key or an operator that the sandbox does not support
 */
export function compileWhere (
  where: Json, table: TrackedTable, alias: string, of: Statement, author: Author = 'client'
): string {
  return all(Object.entries(where).map(([key, value]) => {
    const recurse = (item: unknown): string => compileWhere(item as Json, table, alias, of, author)
    const logical = key.replace('$', '_')
    if (logical === '_and') return all([value].flat().map(recurse))
    if (logical === '_or') return `(${['false', ...[value].flat().map(recurse)].join(' OR ')})`
    if (logical === '_not') return `NOT ${recurse(value)}`

    const column = table.columns.find(({ name }) => name === key)
    if (column !== undefined) return compare(`${alias}.${quote(key)}`, column, value, of, author)

    const relationship = table.relationships.find(({ name }) => name === key)
    if (relationship === undefined) throw new Error(`The sandbox does not support "${key}" in an expression on ${table.name}`)
    const { target, from, to } = relationship
    const inner = `t${++of.aliases}`
    const condition = all([
      `${inner}.${quote(to)} = ${alias}.${quote(from)}`,
      compileWhere(value as Json, target, inner, of, author),
      author === 'permission' ? 'true' : compileFilter(target, inner, of)
    ])
    return `EXISTS (SELECT 1 FROM ${tableName(target)} ${inner} WHERE ${condition})`
  }))
}

/** Returns the expression that a row has these values. */
export function equals (values: Json): Json {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { _eq: value }]))
}

/** Compiles the condition under which the caller's role may select a row. */
export function compileFilter (table: TrackedTable, alias: string, of: Statement): string {
  return compileWhere(accessOf(table, of.session.role).select?.filter ?? {}, table, alias, of, 'permission')
}

/**
 * Compiles every permission once, to find what the sandbox does not support.
 *
 * @throws Error that names the operator or the key
 */
export function checkPermissions (tables: TrackedTable[]): void {
  // A session in which every session variable exists.
  const of = newStatement({ role: 'admin', variables: new Proxy({}, { get: () => '' }) })
  for (const table of tables) {
    for (const { select, insert, update, delete: remove } of table.permissions.values()) {
      for (const expression of [select?.filter, insert?.check, update?.filter, update?.check, remove?.filter]) {
        compileWhere(expression ?? {}, table, 't', of, 'permission')
      }
    }
  }
}
