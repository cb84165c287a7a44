import type { Column, TrackedTable } from '../database/catalogue.ts'
import { accessOf, grantedColumns, readableColumns, readableRelationships } from '../database/permissions.ts'
import { comparisons, patternMatches } from '../database/where.ts'
import { numericTypes, textTypes } from './values.ts'

/** The GraphQL types that are not named like PostgreSQL's. */
const renamed: Record<string, string> = {
  text: 'String', varchar: 'String', int4: 'Int', bool: 'Boolean', float4: 'Float', int8: 'bigint', int2: 'smallint'
}

/** Returns GraphQL's names for a PostgreSQL type. The name of an array starts with `_`. */
export function namesOf (pgType: string): { scalar: string, type: string, comparison: string } {
  const [, array = '', name = ''] = /^(_?)(.*)$/.exec(pgType) ?? []
  const scalar = renamed[name] ?? name
  return array === ''
    ? { scalar, type: scalar, comparison: `${scalar}_comparison_exp` }
    : { scalar, type: `[${scalar}!]`, comparison: `${scalar}_array_comparison_exp` }
}

/** Writes the definition of a type. One without fields has no braces. */
export function define (kind: 'type' | 'input' | 'enum', name: string, fields: string[]): string {
  return `${kind} ${name}${fields.length === 0 ? '' : ` { ${fields.join('\n')} }`}`
}

/** The operators on columns of a PostgreSQL type. */
function comparisonSdl (pgType: string): string {
  const { type, comparison } = namesOf(pgType)
  const operators = [...Object.keys(comparisons), ...(textTypes.includes(pgType) ? Object.keys(patternMatches) : [])]
  return define('input', comparison, [
    ...operators.map(operator => `${operator}: ${type} @notNull @read(as: "${pgType}")`),
    ...['_in', '_nin'].map(operator => `${operator}: [${type}!] @notNull @read(as: "[${pgType}]")`),
    '_is_null: Boolean @notNull'
  ])
}

function columnInput ({ name, type, notNull }: Column): string {
  return `${name}: ${namesOf(type).type} @read(as: "${type}")${notNull ? ' @notNull' : ''}`
}

/** The columns of the primary key, as arguments of a field or as fields of an input. */
export function keyInputs ({ columns, primaryKey }: TrackedTable): string[] {
  return columns.filter(({ name }) => primaryKey.includes(name))
    .map(({ name, type }) => `${name}: ${namesOf(type).type}! @read(as: "${type}")`)
}

/** The arguments of a field that selects rows. */
export function selectArguments ({ graphqlName: name }: TrackedTable): string {
  return `limit: Int @read(as: "limit") offset: Int @read(as: "offset") order_by: [${name}_order_by!] where: ${name}_bool_exp`
}

function relationshipFields (table: TrackedTable, role: string): string[] {
  return readableRelationships(table, role).map(({ name, kind, target, from }) => {
    const { select } = accessOf(target, role)
    const type = target.graphqlName
    if (kind === 'array') return `${name}(${selectArguments(target)}): [${type}!]!`
    // A filter may hide the row that the foreign key refers to.
    const isUnfiltered = Object.keys(select?.filter ?? {}).length === 0
    const isCertain = isUnfiltered && table.columns.some(column => column.name === from && column.notNull)
    return `${name}: ${type}${isCertain ? '!' : ''}`
  })
}

function outputTypes (table: TrackedTable, role: string): string[] {
  const name = table.graphqlName
  const columns = readableColumns(table, role).map(({ name, type, notNull }) => `${name}: ${namesOf(type).type}${notNull ? '!' : ''}`)
  const returning = accessOf(table, role).select ? [`returning: [${name}!]!`] : []
  return [
    define('type', name, [...columns, ...relationshipFields(table, role)]),
    define('type', `${name}_aggregate`, [`aggregate: ${name}_aggregate_fields`]),
    define('type', `${name}_aggregate_fields`, ['count: Int!']),
    define('type', `${name}_mutation_response`, ['affected_rows: Int!', ...returning])
  ]
}

function inputTypes (table: TrackedTable, role: string): string[] {
  const name = table.graphqlName
  const { insert, update } = accessOf(table, role)
  const [readable, updatable] = [readableColumns(table, role), grantedColumns(table, update)]
  return [
    define('input', `${name}_bool_exp`, [
      ...['_and', '_or'].map(operator => `${operator}: [${name}_bool_exp!] @notNull`),
      `_not: ${name}_bool_exp @notNull`,
      ...readable.map(({ name, type }) => `${name}: ${namesOf(type).comparison} @notNull`),
      ...readableRelationships(table, role).map(({ name, target }) => `${name}: ${target.graphqlName}_bool_exp @notNull`)
    ]),
    define('input', `${name}_order_by`, readable.map(({ name }) => `${name}: order_by`)),
    define('input', `${name}_pk_columns_input`, keyInputs(table)),
    define('input', `${name}_insert_input`, grantedColumns(table, insert).map(columnInput)),
    define('input', `${name}_set_input`, updatable.map(columnInput)),
    define('input', `${name}_inc_input`, updatable.filter(({ type }) => numericTypes.includes(type)).map(columnInput)),
    define('enum', `${name}_constraint`, table.constraints),
    define('enum', `${name}_update_column`, updatable.map(({ name }) => name)),
    define('input', `${name}_on_conflict`, [
      `constraint: ${name}_constraint!`,
      `update_columns: [${name}_update_column!]! = []`,
      `where: ${name}_bool_exp @notNull`
    ])
  ]
}

/** The arguments of an update that say what it changes. */
export function changeArguments (table: TrackedTable, role: string): string {
  const name = table.graphqlName
  const columns = grantedColumns(table, accessOf(table, role).update)
  const inc = columns.some(({ type }) => numericTypes.includes(type)) ? `_inc: ${name}_inc_input @notNull ` : ''
  return columns.length === 0 ? '' : `${inc}_set: ${name}_set_input @notNull `
}

/**
 * Writes the types of the tables as one role sees them.
 *
 * Directives say how a value is read if its type is not enough. `@read(as: "int4")`: a value of a column of that
 * PostgreSQL type; `"[int4]"`: a list of such values; `"limit"` and `"offset"`: as Hasura reads these arguments.
 * `@notNull`: the value may be omitted, but must not be null.
 *
 * @returns SDL, which may also define types that the role does not reach
 */
export function tableSdl (tables: TrackedTable[], role: string): string {
  const types = tables.flatMap(({ columns }) => columns.map(({ type }) => type))
  return [
    'enum order_by { asc asc_nulls_first asc_nulls_last desc desc_nulls_first desc_nulls_last }',
    ...Array.from(new Set(types), comparisonSdl),
    ...tables.flatMap(table => [...outputTypes(table, role), ...inputTypes(table, role)])
  ].join('\n')
}
