import { allowedRoles, defaultRole, readEntries, userId } from './claims-entries.ts'
import type { Mapped } from './claims-entries.ts'
import { startsWith } from './json-path.ts'
import type { Refuse } from './key-type.ts'

/** Names of Hasura's claims in lower case, with strings; the allowed roles alone are a list. */
export type HasuraClaims = Record<string, string | string[]>

/** What is written into a token and where; undefined writes nothing. */
export type Placed = [keys: string[], value: unknown]

/** RFC 7519, section 4.1. Hasura reads them first, and finds no claims of its own in them. */
export const registeredClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

const own = [allowedRoles, defaultRole, userId]

type Claims = Record<string, unknown>

/** What Hasura finds for a claim, where that is not written for the claim itself. */
type Found = (claims: HasuraClaims) => unknown

/** A path that leads to a registered claim finds what stands there anyway, and nothing can be written. */
function readRegistered ({ claim, keys, hasDefault }: Mapped, fixed: Claims, refuse: Refuse): Found {
  const [head = '', ...rest] = keys
  const at = `has for ${claim} in "claims_map" a path to the registered claim ${head}`
  if (rest.length > 0) refuse(`${at} and further: there is nothing in it`)
  if (claim === allowedRoles || claim === defaultRole) refuse(`${at}, which holds no role`)
  if (claim === userId && head !== 'sub') refuse(`${at}, which is not the user's id: use $.sub`)
  if (head === 'sub') return claims => claims[userId]
  const isAbsent = fixed[head] === undefined && ['iss', 'aud', 'nbf'].includes(head)
  const isString = head === 'jti' || typeof fixed[head] === 'string'
  if (!isString && !(isAbsent && hasDefault)) refuse(`${at}, which is no string in this token`)
  return () => fixed[head]
}

/** What src/claims.ts gives must be what Hasura finds, or a permission would go by something else. */
function checkFound (claim: string, found: unknown, given: unknown): void {
  if (given === undefined || given === found) return
  throw new Error(`The claim ${claim} of src/claims.ts has another value than Hasura finds for it by its "claims_map"`)
}

/** Where one of the two is the same for all, it must fit what the database says of the user. */
function checkRole (role: unknown, allowed: unknown): void {
  if (Array.isArray(allowed) && allowed.includes(role)) return
  throw new Error('The user\'s x-hasura-default-role is not among the x-hasura-allowed-roles, of which "claims_map" has '
    + 'one as a literal: Hasura would refuse every request without a role')
}

/** The names are the configuration's: `constructor` is none of a user's claims. */
function valueOf (claims: HasuraClaims, claim: string): string | string[] | undefined {
  return Object.hasOwn(claims, claim) ? claims[claim] : undefined
}

function toPlaced ({ claim, keys, hasDefault }: Mapped, claims: HasuraClaims): Placed {
  const value = valueOf(claims, claim)
  if (value !== undefined || hasDefault) return [keys, value]
  throw new Error(`The claim ${claim} is in "claims_map" without a "default", and src/claims.ts gives this user none`)
}

/**
 * Reads Hasura's `claims_map` into what a token needs, and where.
 *
 * @param fixed - the registered claims that are the same in every token
 * @returns what throws an Error that names the claim, where Hasura would refuse the token or read another value in it
 * @throws through `refuse` where Hasura would not start, or would refuse every token of this service
 */
export function readClaimsMap (map: unknown, fixed: Claims, refuse: Refuse): (claims: HasuraClaims) => Placed[] {
  const { literals, mapped } = readEntries(map, refuse)
  const elsewhere = new Map<string, Found>(Array.from(literals, ([claim, value]) => [claim, () => value]))
  const written: Mapped[] = []
  for (const entry of mapped.toSorted((a, b) => Number(own.includes(b.claim)) - Number(own.includes(a.claim)))) {
    const { claim, keys, keys: [head = ''], hasDefault } = entry
    if (registeredClaims.includes(head)) {
      elsewhere.set(claim, readRegistered(entry, fixed, refuse))
      continue
    }
    const other = written.find(other => startsWith(keys, other.keys) || startsWith(other.keys, keys))
    const isSame = other?.keys.length === keys.length
    // Another name for a string that is in every token.
    if (isSame && !own.includes(claim) && [defaultRole, userId].includes(other.claim)) {
      elsewhere.set(claim, claims => claims[other.claim])
      continue
    }
    if (other !== undefined) refuse(`has in "claims_map" paths for ${other.claim} and ${claim} that cannot both hold their own value`)
    if (!claim.startsWith('x-hasura-') && !hasDefault) {
      refuse(`has in "claims_map" a ${claim} without a "default": a user has claims whose names start with x-hasura- alone`)
    }
    written.push(entry)
  }
  const [role, allowed] = [literals.get(defaultRole), literals.get(allowedRoles)]
  const isHalfLiteral = (role === undefined) !== (allowed === undefined)
  return (claims) => {
    if (isHalfLiteral) checkRole(role ?? claims[defaultRole], allowed ?? claims[allowedRoles])
    for (const [claim, found] of elsewhere) {
      if (!own.includes(claim)) checkFound(claim, found(claims), valueOf(claims, claim))
    }
    return written.map(entry => toPlaced(entry, claims))
  }
}
