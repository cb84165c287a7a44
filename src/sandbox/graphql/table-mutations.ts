import type { GraphQLFieldConfigArgumentMap } from 'graphql'
import type { Column, TrackedTable } from '../database/catalogue.ts'
import { deleteRows, insertRows, updateRows } from '../database/mutate.ts'
import type { OnConflict, Target, Written } from '../database/mutate.ts'
import { accessOf, grantedColumns, hasReadableKey } from '../database/permissions.ts'
import { selectWritten } from '../database/select.ts'
import type { Json } from '../json.ts'
import { invalidInput } from './given.ts'
import type { RootContext, RootField, RootFields } from './root-field.ts'
import { listOfNonNull, nonNull, optional } from './table-inputs.ts'
import type { TableTypes } from './table-queries.ts'
import { numericTypes } from './types.ts'

/** Writes rows; undefined if the arguments change nothing. `path` is that of the field. */
type Mutate = (args: Json, context: RootContext, path: string) => Promise<Written | undefined>

/** Runs a field that answers `affected_rows` and `returning`. */
function manyRows (table: TrackedTable, mutate: Mutate): RootField['run'] {
  return async ({ name, args, fields }, context) => {
    const written = await mutate(args, context, `$.selectionSet.${name}`) ?? { count: 0, rows: '[]' }
    const parts: string[] = []
    for (const { alias, name, typeName, fields: selected } of fields) {
      const values: Record<string, () => Promise<string>> = {
        __typename: async () => JSON.stringify(typeName),
        affected_rows: async () => String(written.count),
        returning: async () => `[${(await selectWritten(context.db, table, context.session, selected, written.rows)).join()}]`
      }
      parts.push(`${JSON.stringify(alias)}:${String(await values[name]?.())}`)
    }
    return `{${parts.join()}}`
  }
}

/** Runs a field that answers the row, or null. */
function oneRow (table: TrackedTable, mutate: Mutate): RootField['run'] {
  return async ({ name, args, fields }, context) => {
    const written = await mutate(args, context, `$.selectionSet.${name}`)
    // Hasura's answer to an update that changes nothing.
    if (written === undefined) return '{}'
    return (await selectWritten(context.db, table, context.session, fields, written.rows))[0] ?? 'null'
  }
}

function insertFields (table: TrackedTable, role: string, types: TableTypes, columns: Column[]): RootFields {
  const name = table.graphqlName
  const { select, update } = accessOf(table, role)
  const object = types.columnsInput(`${name}_insert_input`, columns)
  const hasConflict = update !== undefined && table.constraints.length > 0
  const conflict: GraphQLFieldConfigArgumentMap = hasConflict ? { on_conflict: { type: types.onConflict(table) } } : {}
  const insert = (argument: string): Mutate => async (args, { db, session }, path) => {
    const objects = [args[argument]].flat() as Json[]
    const onConflict = (args['on_conflict'] ?? undefined) as OnConflict | undefined
    return insertRows(db, table, session, objects, onConflict, `${path}.args.${argument}`)
  }
  const many = { objects: { type: nonNull(listOfNonNull(object)) }, ...conflict }
  const one = { object: { type: nonNull(object) }, ...conflict }
  return {
    [`insert_${name}`]: { type: types.mutationResponse(table), args: many, run: manyRows(table, insert('objects')) },
    ...(select && { [`insert_${name}_one`]: { type: types.row(table), args: one, run: oneRow(table, insert('object')) } })
  }
}

function updateFields (table: TrackedTable, role: string, types: TableTypes, columns: Column[]): RootFields {
  const name = table.graphqlName
  const numeric = columns.filter(({ type }) => numericTypes.includes(type))
  const changes: GraphQLFieldConfigArgumentMap = {
    ...(numeric.length > 0 && { _inc: optional(types.columnsInput(`${name}_inc_input`, numeric)) }),
    ...(columns.length > 0 && { _set: optional(types.columnsInput(`${name}_set_input`, columns)) })
  }
  const update = (target: (args: Json) => Target): Mutate => async (args, { db, session }, path) => {
    const { _set: set = {}, _inc: inc = {} } = args as { _set?: Json, _inc?: Json }
    const twice = Object.keys(set).filter(column => Object.hasOwn(inc, column)).map(column => `'${column}'`)
    if (twice.length === 0) return updateRows(db, table, session, target(args), { set, inc })
    throw invalidInput(`Column found in multiple operators: [${twice.join(', ')}].`, `${path}.args`)
  }
  const byWhere = update(({ where }) => ({ where: where as Json }))
  const byKey = update(({ pk_columns: key }) => ({ key: key as Json }))
  const many = { ...changes, where: { type: nonNull(types.boolExp(table)) } }
  const one = { ...changes, pk_columns: { type: nonNull(types.pkColumnsInput(table)) } }
  return {
    [`update_${name}`]: { type: types.mutationResponse(table), args: many, run: manyRows(table, byWhere) },
    ...(hasReadableKey(table, role) && {
      [`update_${name}_by_pk`]: { type: types.row(table), args: one, run: oneRow(table, byKey) }
    })
  }
}

function deleteFields (table: TrackedTable, role: string, types: TableTypes): RootFields {
  const name = table.graphqlName
  const remove = (target: (args: Json) => Target): Mutate => async (args, { db, session }) => (
    deleteRows(db, table, session, target(args))
  )
  const byWhere = remove(({ where }) => ({ where: where as Json }))
  const byKey = remove(key => ({ key }))
  const many = { where: { type: nonNull(types.boolExp(table)) } }
  return {
    [`delete_${name}`]: { type: types.mutationResponse(table), args: many, run: manyRows(table, byWhere) },
    ...(hasReadableKey(table, role) && {
      [`delete_${name}_by_pk`]: { type: types.row(table), args: types.keyArguments(table), run: oneRow(table, byKey) }
    })
  }
}

/** The mutation root fields of a table for a role. */
export function tableMutations (table: TrackedTable, role: string, types: TableTypes): RootFields {
  const { insert, update, delete: remove } = accessOf(table, role)
  return {
    ...(insert && insertFields(table, role, types, grantedColumns(table, insert))),
    ...(update && updateFields(table, role, types, grantedColumns(table, update))),
    ...(remove && deleteFields(table, role, types))
  }
}
