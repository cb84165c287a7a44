import type { Column, TrackedTable } from './catalogue.ts'
import type { DeletePermission, InsertPermission, SelectPermission, UpdatePermission } from '../metadata/metadata.ts'

/** What a role may do with a table; what is undefined it may not do at all. */
export interface Access {
  select: SelectPermission | undefined
  insert: InsertPermission | undefined
  update: UpdatePermission | undefined
  delete: DeletePermission | undefined
}

const all = { columns: '*' as const, filter: {}, check: {}, set: {} }
const everything: Access = { select: all, insert: all, update: all, delete: all }

/** The permissions of a role on a table; `admin` has all of them, whatever the metadata says. */
export function accessOf (table: TrackedTable, role: string): Access {
  if (role === 'admin') return everything
  const { select, insert, update, delete: remove } = table.permissions
  return { select: select.get(role), insert: insert.get(role), update: update.get(role), delete: remove.get(role) }
}

/** The columns of a permission, without those that it presets: Hasura takes these out of the inputs. */
export function grantedColumns (
  { columns }: TrackedTable, permission: { columns: string[] | '*', set?: object } | undefined
): Column[] {
  if (permission === undefined) return []
  const { columns: granted, set = {} } = permission
  return columns.filter(({ name }) => (granted === '*' || granted.includes(name)) && !Object.hasOwn(set, name))
}

/** Whether a role may select every column of the primary key: without that it has no field `_by_pk`. */
export function hasReadableKey (table: TrackedTable, role: string): boolean {
  const readable = grantedColumns(table, accessOf(table, role).select).map(({ name }) => name)
  return table.primaryKey.length > 0 && table.primaryKey.every(name => readable.includes(name))
}
