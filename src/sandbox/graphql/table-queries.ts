import { GraphQLNonNull } from 'graphql'
import type { TrackedTable } from '../database/catalogue.ts'
import { accessOf, hasReadableKey } from '../database/permissions.ts'
import { selectAggregate, selectByPk, selectRows } from '../database/select.ts'
import type { RootFields } from './root-field.ts'
import type { TableInputs } from './table-inputs.ts'
import { rowsOf } from './table-outputs.ts'
import type { TableOutputs } from './table-outputs.ts'

/** The types of the tables in the schema of a role. */
export type TableTypes = TableInputs & TableOutputs

/** The query root fields of a table for a role. */
export function tableQueries (table: TrackedTable, role: string, types: TableTypes): RootFields {
  const { select } = accessOf(table, role)
  if (select === undefined) return {}
  const name = table.graphqlName
  const fields: RootFields = {
    [name]: {
      type: rowsOf(types.row(table)),
      args: types.selectArguments(table),
      run: async (selected, { db, session }) => selectRows(db, table, session, selected)
    }
  }
  if (select.allow_aggregations) {
    fields[`${name}_aggregate`] = {
      type: new GraphQLNonNull(types.aggregate(table)),
      args: types.selectArguments(table),
      run: async (selected, { db, session }) => selectAggregate(db, table, session, selected)
    }
  }
  if (hasReadableKey(table, role)) {
    fields[`${name}_by_pk`] = {
      type: types.row(table),
      args: types.keyArguments(table),
      run: async (selected, { db, session }) => selectByPk(db, table, session, selected)
    }
  }
  return fields
}
