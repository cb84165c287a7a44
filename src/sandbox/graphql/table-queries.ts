import type { TrackedTable } from '../database/catalogue.ts'
import { accessOf, hasReadableKey } from '../database/permissions.ts'
import { compileAggregate, compileList, compileOne, runQuery } from '../database/select.ts'
import type { Selected } from '../database/select.ts'
import type { Statement } from '../database/statement.ts'
import { equals } from '../database/where.ts'
import type { RootField, RootFields } from './root-field.ts'
import { keyArguments, selectArguments } from './table-sdl.ts'

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
