import type { TrackedTable } from '../database/catalogue.ts'
import { deleteRows, insertRows, updateRows } from '../database/mutate.ts'
import type { OnConflict, Target, Written } from '../database/mutate.ts'
import { accessOf, hasReadableKey } from '../database/permissions.ts'
import { compileList, compileOne, runQuery } from '../database/select.ts'
import type { Json } from '../json.ts'
import { invalidInput } from './given.ts'
import type { RootContext, RootField, RootFields } from './root-field.ts'
import { changeArguments, keyArguments } from './table-sdl.ts'

/** Writes rows; undefined if the arguments change nothing. `path` is that of the field. */
type Mutate = (args: Json, context: RootContext, path: string) => Promise<Written | undefined>

/** A field that answers `affected_rows` and `returning`. */
function manyRows (table: TrackedTable, args: string, mutate: Mutate): RootField {
  const run: RootField['run'] = async ({ name, args, fields }, context) => {
    const { count, rows: written } = await mutate(args, context, `$.selectionSet.${name}`) ?? { count: 0, rows: '[]' }
    const parts: string[] = []
    for (const { alias, name, typeName, fields: selected } of fields) {
      const source = { table, args: {}, written }
      const value = name === 'returning'
        ? await runQuery(context.db, context.session, of => compileList(selected, source, of))
        : JSON.stringify(name === 'affected_rows' ? count : typeName)
      parts.push(`${JSON.stringify(alias)}:${value}`)
    }
    return `{${parts.join()}}`
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

function insertFields (table: TrackedTable, role: string): RootFields {
  const name = table.graphqlName
  const { select, update } = accessOf(table, role)
  const conflict = update !== undefined && table.constraints.length > 0 ? ` on_conflict: ${name}_on_conflict` : ''
  const insert = (argument: string): Mutate => async (args, { db, session }, path) => {
    const objects = [args[argument]].flat() as Json[]
    const onConflict = (args['on_conflict'] ?? undefined) as OnConflict | undefined
    return insertRows(db, table, session, objects, `${path}.args.${argument}`, onConflict)
  }
  return {
    [`insert_${name}`]: manyRows(table, `objects: [${name}_insert_input!]!${conflict}`, insert('objects')),
    ...(select && { [`insert_${name}_one`]: oneRow(table, `object: ${name}_insert_input!${conflict}`, insert('object')) })
  }
}

function updateFields (table: TrackedTable, role: string): RootFields {
  const name = table.graphqlName
  const changes = changeArguments(table, role)
  const update = (target: (args: Json) => Target): Mutate => async (args, { db, session }, path) => {
    const { _set: set = {}, _inc: inc = {} } = args as { _set?: Json, _inc?: Json }
    const twice = Object.keys(set).filter(column => Object.hasOwn(inc, column)).map(column => `'${column}'`)
    if (twice.length === 0) return updateRows(db, table, session, target(args), { set, inc })
    throw invalidInput(`Column found in multiple operators: [${twice.join(', ')}].`, `${path}.args`)
  }
  const byWhere = update(({ where }) => ({ where: where as Json }))
  const byKey = update(({ pk_columns: key }) => ({ key: key as Json }))
  return {
    [`update_${name}`]: manyRows(table, `${changes}where: ${name}_bool_exp!`, byWhere),
    ...(hasReadableKey(table, role) && {
      [`update_${name}_by_pk`]: oneRow(table, `${changes}pk_columns: ${name}_pk_columns_input!`, byKey)
    })
  }
}

function deleteFields (table: TrackedTable, role: string): RootFields {
  const name = table.graphqlName
  const remove = (target: (args: Json) => Target): Mutate => async (args, { db, session }) => (
    deleteRows(db, table, session, target(args))
  )
  const byWhere = remove(({ where }) => ({ where: where as Json }))
  const byKey = remove(key => ({ key }))
  return {
    [`delete_${name}`]: manyRows(table, `where: ${name}_bool_exp!`, byWhere),
    ...(hasReadableKey(table, role) && { [`delete_${name}_by_pk`]: oneRow(table, keyArguments(table), byKey) })
  }
}

/** The mutation root fields of a table for a role. */
export function tableMutations (table: TrackedTable, role: string): RootFields {
  const { insert, update, delete: remove } = accessOf(table, role)
  return {
    ...(insert && insertFields(table, role)),
    ...(update && updateFields(table, role)),
    ...(remove && deleteFields(table, role))
  }
}
