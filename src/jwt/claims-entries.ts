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

/** Without a path, Hasura takes the value from its configuration and not from the token. */
function isLiteral (value: unknown): boolean {
  return typeof value !== 'object' || value === null || Array.isArray(value)
}

function readMapped (claim: string, value: unknown, refuse: Refuse): Mapped<string | number> {
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

/** What is literal is so for every user, and no user can have anything else. */
function checkLiterals (literals: Map<string, unknown>, refuse: Refuse): void {
  const [allowed, role] = [literals.get(allowedRoles), literals.get(defaultRole)]
  if ([allowed, role].flat().includes('admin')) {
    refuse('has in "claims_map" the role admin as a literal: every user would have it, and only the database may say who has')
  }
  if (literals.has(userId)) refuse(`has in "claims_map" a literal ${userId}: every user would be the same one`)
  if (!Array.isArray(allowed)) return
  if (allowed.length === 0) refuse(`has in "claims_map" an empty list of ${allowedRoles}: every request would be refused`)
  if (typeof role !== 'string' || allowed.includes(role)) return
  refuse(`has in "claims_map" a ${defaultRole} that is not among its ${allowedRoles}: every request without a role would be refused`)
}

/**
 * Reads the entries of Hasura's `claims_map`: literals, and what is looked up in a token and has to be written there.
 *
 * @throws through `refuse` where Hasura would not start, or no token could be what the map says
 */
export function readEntries (map: unknown, refuse: Refuse): { literals: Map<string, unknown>, mapped: Mapped[] } {
  if (typeof map !== 'object' || map === null || Array.isArray(map)) return refuse('has a "claims_map" that is not an object')
  const entries = new Map<string, unknown>(Object.entries(map))
  for (const claim of [allowedRoles, defaultRole]) {
    if (!entries.has(claim)) refuse(`has a "claims_map" without ${claim}, in lower case`)
  }
  const read = new Map(Array.from(entries, ([name, value]) => [name.toLowerCase(), value]))
  // Which one Hasura would take is nothing to rely on.
  if (read.size < entries.size) refuse('has in "claims_map" two spellings of one claim')
  const literals = new Map(Array.from(read).filter(([, value]) => isLiteral(value)))
  for (const [claim, value] of literals) checkValue(claim, value, refuse)
  checkLiterals(literals, refuse)
  const mapped = Array.from(read).filter(([, value]) => !isLiteral(value))
    .map(([claim, value]) => readMapped(claim, value, refuse))
  const roles = mapped.find(({ claim }) => claim === allowedRoles)?.keys
  const toNamed = (entry: Mapped<string | number>): Mapped => (
    { ...entry, keys: requireNames(entry.keys, `path of ${entry.claim} in "claims_map"`, refuse) }
  )
  return { literals, mapped: mapped.filter(entry => !isFirstOf(roles, entry)).map(toNamed) }
}
