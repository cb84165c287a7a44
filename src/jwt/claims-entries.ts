import { readPath, requireNames, startsWith } from './json-path.ts'
import type { Refuse } from './key-type.ts'

export const allowedRoles = 'x-hasura-allowed-roles'
export const defaultRole = 'x-hasura-default-role'
export const userId = 'x-hasura-user-id'

/** A claim of the map with a path: with a default, the token may be without it. */
export interface Mapped<Key = string> { claim: string, keys: Key[], hasDefault: boolean }

function isRole (value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

/** A literal and a default must be what Hasura wants of the claim in a token. */
function checkValue (claim: string, value: unknown, refuse: Refuse): void {
  if (claim === allowedRoles) {
    if (!Array.isArray(value) || !value.every(isRole)) refuse(`has in "claims_map" a ${claim} that is not a list of roles`)
    return
  }
  if (claim === defaultRole ? isRole(value) : typeof value === 'string') return
  refuse(`has in "claims_map" a ${claim} that is neither a string nor an object with a "path"`)
}

/** @returns nothing for a literal, which Hasura takes from its configuration and not from the token */
function readEntry (claim: string, value: unknown, refuse: Refuse): Mapped<string | number> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    checkValue(claim, value, refuse)
    return undefined
  }
  const { path, default: substitute } = value as { path?: unknown, default?: unknown }
  const hasDefault = substitute !== undefined && substitute !== null
  if (hasDefault) checkValue(claim, substitute, refuse)
  const keys = readPath(path, `path of ${claim} in "claims_map"`, refuse)
  if (keys.length === 0) refuse(`has the path $ for ${claim} in "claims_map": a token as a whole is no claim`)
  return { claim, keys, hasDefault }
}

/** The default role comes first in the list of the allowed ones, so that it is written there already. */
function isFirstOf (roles: Array<string | number> | undefined, { claim, keys }: Mapped<string | number>): boolean {
  if (claim !== defaultRole || roles === undefined || keys.at(-1) !== 0) return false
  return keys.length === roles.length + 1 && startsWith(keys, roles)
}

/** Literal roles are those of every token, and no user can have others. */
function checkLiterals (allowed: unknown, role: unknown, refuse: Refuse): void {
  if (!Array.isArray(allowed)) return
  if (allowed.length === 0) refuse(`has in "claims_map" an empty list of ${allowedRoles}: every request would be refused`)
  if (typeof role !== 'string' || allowed.includes(role)) return
  refuse(`has in "claims_map" a ${defaultRole} that is not among its ${allowedRoles}: every request without a role would be refused`)
}

/**
 * Reads the entries of Hasura's `claims_map` that are looked up in a token, and have to be written there.
 *
 * @throws through `refuse` where Hasura would not start, or no token could be what the map says
 */
export function readEntries (map: unknown, refuse: Refuse): Mapped[] {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return refuse('has a "claims_map" that is not an object')
  const entries = new Map<string, unknown>(Object.entries(map))
  for (const claim of [allowedRoles, defaultRole]) {
    if (!entries.has(claim)) refuse(`has a "claims_map" without ${claim}, in lower case`)
  }
  checkLiterals(entries.get(allowedRoles), entries.get(defaultRole), refuse)
  // The roles under that spelling alone, the others in any case.
  const read = new Map(Array.from(entries, ([name, value]) => [name.toLowerCase(), value]))
  for (const claim of [allowedRoles, defaultRole]) read.set(claim, entries.get(claim))
  const mapped = Array.from(read, ([claim, value]) => readEntry(claim, value, refuse))
    .filter(entry => entry !== undefined)
  const roles = mapped.find(({ claim }) => claim === allowedRoles)?.keys
  return mapped.filter(entry => !isFirstOf(roles, entry))
    .map(entry => ({ ...entry, keys: requireNames(entry.keys, `path of ${entry.claim} in "claims_map"`, refuse) }))
}
