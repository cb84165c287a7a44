import type { Access } from '../metadata/table-metadata.ts'
import type { Column, TrackedTable } from './catalogue.ts'

const all = { columns: '*' as const, filter: {}, check: {}, set: {}, allow_aggregations: true }
const everything: Access = { select: all, insert: all, update: all, delete: all }

/** Returns the permissions of a role on a table. `admin` has all of them, whatever the metadata says. */
export function accessOf ({ permissions }: TrackedTable, role: string): Access {
  return role === 'admin' ? everything : permissions.get(role) ?? {}
}

/** Returns the columns of a permission without those that it presets: Hasura removes these from the inputs. */
export function grantedColumns (
  { columns }: TrackedTable, permission: { columns: string[] | '*', set?: object } | undefined
): Column[] {
  if (permission === undefined) return []
  const { columns: granted, set = {} } = permission
  return columns.filter(({ name }) => (granted === '*' || granted.includes(name)) && !Object.hasOwn(set, name))
}

export function readableColumns (table: TrackedTable, role: string): Column[] {
  return grantedColumns(table, accessOf(table, role).select)
}

export function readableRelationships (table: TrackedTable, role: string): TrackedTable['relationships'] {
  return table.relationships.filter(({ target }) => accessOf(target, role).select !== undefined)
}

/** Whether a role may select every column of the primary key. Without that it has no fields `_by_pk`. */
export function hasReadableKey (table: TrackedTable, role: string): boolean {
  const readable = readableColumns(table, role).map(({ name }) => name)
  return table.primaryKey.length > 0 && table.primaryKey.every(name => readable.includes(name))
}
