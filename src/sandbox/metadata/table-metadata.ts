import { z } from 'zod'
import { objectOf } from './check.ts'
import type { Json } from '../json.ts'

const json: z.ZodType<Json> = z.record(z.string(), z.unknown())
const comment = z.string().nullish()
const columns = z.union([z.literal('*'), z.array(z.string())])

export const tableNameSchema = z.preprocess(
  name => (typeof name === 'string' ? { name } : name),
  objectOf({ schema: z.string().default('public'), name: z.string() })
)

const relationshipsBy = <T extends z.ZodType>(key: T) => z.array(objectOf({
  name: z.string(), using: objectOf({ foreign_key_constraint_on: key }), comment
})).default([])

const permissionsOf = <T extends z.ZodType>(permission: T) => z.array(objectOf({
  role: z.string(), permission, comment
})).default([])

const selectPermission = objectOf({
  columns, filter: json, limit: z.int().optional(), allow_aggregations: z.boolean().default(false)
})
const insertPermission = objectOf({ columns, check: json, set: json.default({}) })
const updatePermission = objectOf({ columns, filter: json, check: json.nullish(), set: json.default({}) })
const deletePermission = objectOf({ filter: json })

/** A table of the metadata. */
export const tableSchema = objectOf({
  table: tableNameSchema,
  configuration: objectOf({ custom_name: z.string().nullish() }).default({}),
  object_relationships: relationshipsBy(z.string()),
  array_relationships: relationshipsBy(objectOf({ column: z.string(), table: tableNameSchema })),
  select_permissions: permissionsOf(selectPermission),
  insert_permissions: permissionsOf(insertPermission),
  update_permissions: permissionsOf(updatePermission),
  delete_permissions: permissionsOf(deletePermission)
})

/** A database of the metadata. Its `configuration` says how Hasura connects; the sandbox has one of its own for all. */
export const databaseSchema = objectOf({
  name: z.string(), kind: z.literal('postgres'), configuration: json.default({}), tables: z.unknown()
})

/** The permissions of a role on a table. An operation without a permission is not allowed. */
export interface Access {
  select?: z.output<typeof selectPermission>
  insert?: z.output<typeof insertPermission>
  update?: z.output<typeof updatePermission>
  delete?: z.output<typeof deletePermission>
}

export type TableMetadata = z.output<typeof tableSchema>
