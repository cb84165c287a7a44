import { GraphQLBoolean, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLObjectType } from 'graphql'
import type { GraphQLFieldConfig, GraphQLOutputType } from 'graphql'
import type { TrackedTable } from '../database/catalogue.ts'
import { accessOf, readableColumns, readableRelationships } from '../database/permissions.ts'
import { fromColumns, listOfNonNull } from './table-inputs.ts'
import type { TableInputs } from './table-inputs.ts'
import { typeOf } from './types.ts'
import type { Memo } from './types.ts'

type FieldConfigs = Record<string, GraphQLFieldConfig<unknown, unknown>>

export function rowsOf (type: GraphQLObjectType): GraphQLOutputType {
  return new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)))
}

/** The output types of the tables, as one role sees them. */
export interface TableOutputs {
  row: (table: TrackedTable) => GraphQLObjectType
  aggregate: (table: TrackedTable) => GraphQLObjectType
  mutationResponse: (table: TrackedTable) => GraphQLObjectType
}

/** @param role - its permissions decide which columns and relationships there are */
export function createTableOutputs (role: string, memo: Memo, inputs: TableInputs): TableOutputs {
  const objectNamed = (name: string, fields: () => FieldConfigs): GraphQLObjectType => (
    memo(name, () => new GraphQLObjectType({ name, fields }))
  )

  const relationshipFields = (
    table: TrackedTable, { name, kind, target, from }: TrackedTable['relationships'][number]
  ): FieldConfigs => {
    const { select } = accessOf(target, role)
    if (kind === 'array') {
      const args = inputs.selectArguments(target)
      return {
        [name]: { type: rowsOf(row(target)), args },
        ...(select?.allow_aggregations && { [`${name}_aggregate`]: { type: new GraphQLNonNull(aggregate(target)), args } })
      }
    }
    // A filter may hide the row that the foreign key promises.
    const isUnfiltered = Object.keys(select?.filter ?? {}).length === 0
    const isCertain = isUnfiltered && table.columns.some(({ name, notNull }) => name === from && notNull)
    return { [name]: { type: isCertain ? new GraphQLNonNull(row(target)) : row(target) } }
  }

  const row: TableOutputs['row'] = table => objectNamed(table.graphqlName, () => {
    const columns = fromColumns(readableColumns(table, role), ({ type, notNull }) => {
      const output = typeOf(type, memo)
      return { type: notNull ? new GraphQLNonNull(output) : output }
    })
    const relationships = readableRelationships(table, role).map(item => relationshipFields(table, item))
    return Object.assign(columns, ...relationships) as FieldConfigs
  })

  const aggregate: TableOutputs['aggregate'] = (table) => {
    const name = `${table.graphqlName}_aggregate`
    const args = { columns: { type: listOfNonNull(inputs.selectColumn(table)) }, distinct: { type: GraphQLBoolean } }
    const fields = objectNamed(`${name}_fields`, () => ({ count: { type: new GraphQLNonNull(GraphQLInt), args } }))
    return objectNamed(name, () => ({ aggregate: { type: fields }, nodes: { type: rowsOf(row(table)) } }))
  }

  const mutationResponse: TableOutputs['mutationResponse'] = table => (
    objectNamed(`${table.graphqlName}_mutation_response`, () => ({
      affected_rows: { type: new GraphQLNonNull(GraphQLInt) },
      ...(accessOf(table, role).select && { returning: { type: rowsOf(row(table)) } })
    }))
  )

  return { row, aggregate, mutationResponse }
}
