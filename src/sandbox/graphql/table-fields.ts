import type { TrackedTable } from '../database/catalogue.ts'
import { deleteRows, insertRows, updateRows } from '../database/mutate.ts'
import type { OnConflict, Written } from '../database/mutate.ts'
import { accessOf, hasReadableKey } from '../database/permissions.ts'
import { compileAggregate, compileList, compileObject, compileOne, runQuery } from '../database/select.ts'
import type { Selected } from '../database/select.ts'
import type { Statement } from '../database/statement.ts'
import { equals } from '../database/where.ts'
import type { Json } from '../json.ts'
import { invalidInput } from './given.ts'
import type { RootContext, RootField, RootFields } from './root-field.ts'
import { changeArguments, keyArguments, selectArguments } from './table-sdl.ts'

/** A field that runs one query. */
function queryField (sdl: string, compile: (selected: Selected, of: Statement) => string): RootField {
  return { sdl, run: async (selected, { db, session }) => runQuery(db, session, of => compile(selected, of)) }
}

/** The query root fields of a table for a role. */
export function tableQueries (table: TrackedTable, role: string): RootFields {
  const { select } = accessOf(table, role)
  if (select === undefined) return {}
  const name = table.graphqlName
  const args = selectArguments(table)
  return {
    [name]: queryField(`${args}: [${name}!]!`, ({ args, fields }, of) => compileList(fields, { table, args }, of)),
    ...(select.allow_aggregations && {
      [`${name}_aggregate`]: queryField(`${args}: ${name}_aggregate!`, ({ args, fields }, of) => (
        compileAggregate(fields, { table, args }, of)
      ))
    }),
    ...(hasReadableKey(table, role) && {
      [`${name}_by_pk`]: queryField(`(${keyArguments(table)}): ${name}`, ({ args, fields }, of) => (
        compileOne(fields, { table, args: { where: equals(args) } }, of)
      ))
    })
  }
}

/** Writes rows; undefined if the arguments change nothing. `path` is that of the field. */
type Mutate = (args: Json, context: RootContext, path: string) => Promise<Written | undefined>

/** A field that answers `affected_rows` and `returning`. */
function manyRows (table: TrackedTable, args: string, mutate: Mutate): RootField {
  const run: RootField['run'] = async ({ name, args, fields }, context) => {
    const { count, rows: written } = await mutate(args, context, `$.selectionSet.${name}`) ?? { count: 0, rows: '[]' }
    const source = { table, args: {}, written }
    return runQuery(context.db, context.session, of => compileObject(fields, ({ name, fields }) => (
      name === 'returning' ? compileList(fields, source, of) : String(count)
    )))
  }
  return { sdl: `(${args}): ${table.graphqlName}_mutation_response`, run }
}

/** A field that answers the row, or null. */
function oneRow (table: TrackedTable, args: string, mutate: Mutate): RootField {
  const run: RootField['run'] = async ({ name, args, fields }, context) => {
    const written = await mutate(args, context, `$.selectionSet.${name}`)
    // Hasura's answer to an update that changes nothing.
    if (written === undefined) return '{}'
    const source = { table, args: {}, written: written.rows }
    return runQuery(context.db, context.session, of => compileOne(fields, source, of))
  }
  return { sdl: `(${args}): ${table.graphqlName}`, run }
}

function inserting (table: TrackedTable, argument: 'object' | 'objects'): Mutate {
  return async (args, { db, session }, path) => {
    const onConflict = (args['on_conflict'] ?? undefined) as OnConflict | undefined
    return insertRows(db, table, session, [args[argument]].flat() as Json[], `${path}.args.${argument}`, onConflict)
  }
}

function updating (table: TrackedTable, whereOf: (args: Json) => unknown): Mutate {
  return async (args, { db, session }, path) => {
    const { _set: set = {}, _inc: inc = {} } = args as { _set?: Json, _inc?: Json }
    const twice = Object.keys(set).filter(column => Object.hasOwn(inc, column)).map(column => `'${column}'`)
    if (twice.length === 0) return updateRows(db, table, session, whereOf(args) as Json, { set, inc })
    throw invalidInput(`Column found in multiple operators: [${twice.join(', ')}].`, `${path}.args`)
  }
}

function deleting (table: TrackedTable, whereOf: (args: Json) => unknown): Mutate {
  return async (args, { db, session }) => deleteRows(db, table, session, whereOf(args) as Json)
}

/** The mutation root fields of a table for a role. */
export function tableMutations (table: TrackedTable, role: string): RootFields {
  const { graphqlName: name, constraints } = table
  const { select, insert, update, delete: remove } = accessOf(table, role)
  const hasKey = hasReadableKey(table, role)
  const conflict = update !== undefined && constraints.length > 0 ? ` on_conflict: ${name}_on_conflict` : ''
  const changes = changeArguments(table, role)
  const where = `where: ${name}_bool_exp!`
  const fields: Array<[isPermitted: unknown, name: string, field: RootField]> = [
    [insert, `insert_${name}`,
      manyRows(table, `objects: [${name}_insert_input!]!${conflict}`, inserting(table, 'objects'))],
    [insert && select, `insert_${name}_one`,
      oneRow(table, `object: ${name}_insert_input!${conflict}`, inserting(table, 'object'))],
    [update, `update_${name}`, manyRows(table, `${changes}${where}`, updating(table, ({ where }) => where))],
    [update && hasKey, `update_${name}_by_pk`,
      oneRow(table, `${changes}pk_columns: ${name}_pk_columns_input!`, updating(table, ({ pk_columns: key }) => equals(key as Json)))],
    [remove, `delete_${name}`, manyRows(table, where, deleting(table, ({ where }) => where))],
    [remove && hasKey, `delete_${name}_by_pk`, oneRow(table, keyArguments(table), deleting(table, equals))]
  ]
  return Object.fromEntries(fields.filter(([isPermitted]) => isPermitted).map(([, name, field]) => [name, field]))
}
