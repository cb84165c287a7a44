import { allowedRoles, defaultRole, readEntries, userId } from './claims-entries.ts'
import type { Mapped } from './claims-entries.ts'
import { startsWith } from './json-path.ts'
import type { Refuse } from './key-type.ts'

/** Names of Hasura's claims in lower case, with strings; the allowed roles alone are a list. */
export type HasuraClaims = Record<string, string | string[]>

/** Where in a token something is written, and what; undefined writes nothing. */
export interface Place {
  keys: string[]
  /** @throws Error that names the claim, where Hasura would refuse the token without it */
  valueOf: (claims: HasuraClaims) => unknown
}

/** RFC 7519, section 4.1. Hasura reads them first, and finds no claims of its own in them. */
export const registeredClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

type Claims = Record<string, unknown>

/** A path that leads to a registered claim finds what stands there anyway, and nothing can be written. */
function checkRegistered ({ claim, keys, hasDefault }: Mapped, fixed: Claims, refuse: Refuse): void {
  const [head = '', ...rest] = keys
  const at = `has for ${claim} in "claims_map" a path to the registered claim ${head}`
  if (rest.length > 0) refuse(`${at} and further: there is nothing in it`)
  if (claim === allowedRoles || claim === defaultRole) refuse(`${at}, which holds no role`)
  if (claim === userId && head !== 'sub') refuse(`${at}, which is not the user's id: use $.sub`)
  const isAbsent = fixed[head] === undefined && ['iss', 'aud', 'nbf'].includes(head)
  if (isAbsent && hasDefault) return
  if (head !== 'sub' && head !== 'jti' && typeof fixed[head] !== 'string') refuse(`${at}, which is no string in this token`)
}

/**
 * Reads Hasura's `claims_map` into the places where a token needs something.
 *
 * @param fixed - the registered claims that are the same in every token
 * @throws through `refuse` where Hasura would not start, or would refuse a token of this service
 */
export function readClaimsMap (map: unknown, fixed: Claims, refuse: Refuse): Place[] {
  const entries = readEntries(map, refuse)
  const own = [allowedRoles, defaultRole, userId]
  const written: Mapped[] = []
  for (const entry of entries.toSorted((a, b) => Number(own.includes(b.claim)) - Number(own.includes(a.claim)))) {
    const { claim, keys, keys: [head = ''] } = entry
    if (registeredClaims.includes(head)) {
      checkRegistered(entry, fixed, refuse)
      continue
    }
    const other = written.find(other => startsWith(keys, other.keys) || startsWith(other.keys, keys))
    const isSame = other?.keys.length === keys.length
    // Another name for a string that is in every token.
    if (isSame && !own.includes(claim) && [defaultRole, userId].includes(other.claim)) continue
    if (other !== undefined) refuse(`has in "claims_map" paths for ${other.claim} and ${claim} that cannot both hold their own value`)
    written.push(entry)
  }
  return written.map(({ claim, keys, hasDefault }) => ({
    keys,
    valueOf (claims) {
      if (claims[claim] !== undefined || hasDefault) return claims[claim]
      throw new Error(`The claim ${claim} is in "claims_map" without a "default", and src/claims.ts gives this user none`)
    }
  }))
}
