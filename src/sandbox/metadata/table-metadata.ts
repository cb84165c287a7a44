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

const permissions = {
  select: objectOf({
    columns, filter: json, limit: z.int().optional(), allow_aggregations: z.boolean().default(false)
  }),
  insert: objectOf({ columns, check: json, set: json.default({}) }),
  update: objectOf({ columns, filter: json, check: json.nullish(), set: json.default({}) }),
  delete: objectOf({ filter: json })
}

/** The permissions of a role on a table. An operation without a permission is not allowed. */
export type Access = { [Operation in keyof typeof permissions]?: z.output<(typeof permissions)[Operation]> }

/** A table of the metadata. */
export const tableSchema = objectOf({
  table: tableNameSchema,
  configuration: objectOf({ custom_name: z.string().nullish() }).default({}),
  object_relationships: relationshipsBy(z.string()),
  array_relationships: relationshipsBy(objectOf({ column: z.string(), table: tableNameSchema })),
  select_permissions: permissionsOf(permissions.select),
  insert_permissions: permissionsOf(permissions.insert),
  update_permissions: permissionsOf(permissions.update),
  delete_permissions: permissionsOf(permissions.delete)
})

/** A database of the metadata. Its `configuration` says how Hasura connects. The sandbox has one database for all. */
export const databaseSchema = objectOf({
  name: z.string(), kind: z.literal('postgres'), configuration: json.default({}), tables: z.unknown()
})

export type TableMetadata = z.output<typeof tableSchema>
