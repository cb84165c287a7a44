import type { TrackedTable } from '../database/catalogue.ts'
import { deleteRows, insertRows, nothing, updateRows } from '../database/mutate.ts'
import type { Mutate } from '../database/mutate.ts'
import { accessOf, hasReadableKey } from '../database/permissions.ts'
import { compileAggregate, compileList, compileObject, compileOne, runQuery } from '../database/select.ts'
import { equals } from '../database/where.ts'
import type { Json } from '../json.ts'
import type { NamedField, RootField } from './root-field.ts'
import { changeArguments, keyInputs, selectArguments } from './table-sdl.ts'

/** Turns the arguments of a `_by_pk` field into those of the field for many rows. */
function keyToWhere ({ pk_columns: key, ...args }: Json): Json {
  return key === undefined ? { where: equals(args) } : { ...args, where: equals(key as Json) }
}

const compileByKey: typeof compileOne = ({ args, fields }, source, of) => (
  compileOne({ args: keyToWhere(args), fields }, source, of)
)

function byKey (mutate: Mutate): Mutate {
  return async (table, args, client, path) => mutate(table, keyToWhere(args), client, path)
}

/** The query root fields of a table for a role. */
export function tableQueries (table: TrackedTable, role: string): NamedField[] {
  const { select } = accessOf(table, role)
  const name = table.graphqlName
  const args = selectArguments(table)
  const fields: Array<[isPermitted: unknown, name: string, args: string, type: string, compile: typeof compileList]> = [
    [select, name, args, `[${name}!]!`, compileList],
    [select?.allow_aggregations, `${name}_aggregate`, args, `${name}_aggregate!`, compileAggregate],
    [hasReadableKey(table, role), `${name}_by_pk`, keyInputs(table).join(' '), name, compileByKey]
  ]
  return fields.filter(([isPermitted]) => isPermitted).map(([, name, args, type, compile]) => [name, {
    sdl: `${name}(${args}): ${type}`,
    run: async (selected, { db, session }) => runQuery(db, session, of => compile(selected, { table }, of))
  }])
}

/** Runs a field that writes rows. The answer is the only row, or `affected_rows` and `returning`. */
function runMutation (table: TrackedTable, kind: 'one' | 'many', mutate: Mutate): RootField['run'] {
  return async ({ name, args, fields }, context) => {
    const written = await mutate(table, args, context, `$.selectionSet.${name}`)
    // Hasura's answer to an update of one row that changes nothing.
    if (written === undefined && kind === 'one') return '{}'
    const { count, rows } = written ?? nothing
    const source = { table, written: rows }
    return runQuery(context.db, context.session, (of) => {
      if (kind === 'one') return compileOne({ args: {}, fields }, source, of)
      return compileObject(fields, field => field.name === 'returning' ? compileList(field, source, of) : String(count))
    })
  }
}

/** The mutation root fields of a table for a role. */
export function tableMutations (table: TrackedTable, role: string): NamedField[] {
  const { graphqlName: name, constraints } = table
  const { select, insert, update, delete: remove } = accessOf(table, role)
  const hasKey = hasReadableKey(table, role)
  const conflict = update !== undefined && constraints.length > 0 ? ` on_conflict: ${name}_on_conflict` : ''
  const changes = changeArguments(table, role)
  const where = `where: ${name}_bool_exp!`
  const fields: Array<[isPermitted: unknown, name: string, args: string, kind: 'one' | 'many', mutate: Mutate]> = [
    [insert, `insert_${name}`, `objects: [${name}_insert_input!]!${conflict}`, 'many', insertRows],
    [insert && select, `insert_${name}_one`, `object: ${name}_insert_input!${conflict}`, 'one', insertRows],
    [update, `update_${name}`, changes + where, 'many', updateRows],
    [update && hasKey, `update_${name}_by_pk`, `${changes}pk_columns: ${name}_pk_columns_input!`, 'one', byKey(updateRows)],
    [remove, `delete_${name}`, where, 'many', deleteRows],
    [remove && hasKey, `delete_${name}_by_pk`, keyInputs(table).join(' '), 'one', byKey(deleteRows)]
  ]
  return fields.filter(([isPermitted]) => isPermitted)
    .map(([, field, args, kind, mutate]) => [field, {
      sdl: `${field}(${args}): ${name}${kind === 'one' ? '' : '_mutation_response'}`,
      run: runMutation(table, kind, mutate)
    }])
}
