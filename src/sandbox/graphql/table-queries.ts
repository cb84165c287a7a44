import type { TrackedTable } from '../database/catalogue.ts'
import { accessOf, hasReadableKey } from '../database/permissions.ts'
import { compileAggregate, compileKey, compileList, compileOne, runQuery } from '../database/select.ts'
import type { RootFields } from './root-field.ts'
import { keyArguments, selectArguments } from './table-sdl.ts'

/** The query root fields of a table for a role. */
export function tableQueries (table: TrackedTable, role: string): RootFields {
  const { select } = accessOf(table, role)
  if (select === undefined) return {}
  const name = table.graphqlName
  const args = selectArguments(table)
  return {
    [name]: {
      sdl: `${args}: [${name}!]!`,
      run: async ({ args, fields }, { db, session }) => (
        runQuery(db, session, of => compileList(fields, { table, args }, of))
      )
    },
    ...(select.allow_aggregations && {
      [`${name}_aggregate`]: {
        sdl: `${args}: ${name}_aggregate!`,
        run: async ({ args, fields }, { db, session }) => (
          runQuery(db, session, of => compileAggregate(fields, { table, args }, of))
        )
      }
    }),
    ...(hasReadableKey(table, role) && {
      [`${name}_by_pk`]: {
        sdl: `(${keyArguments(table)}): ${name}`,
        run: async ({ args, fields }, { db, session }) => runQuery(db, session, (of) => {
          const condition = (alias: string): string => compileKey(table, alias, args, of)
          return compileOne(fields, { table, args: {}, condition }, of)
        })
      }
    })
  }
}
