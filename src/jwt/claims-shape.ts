import { readClaimsMap, registeredClaims } from './claims-map.ts'
import type { HasuraClaims, Placed } from './claims-map.ts'
import { readPath, requireNames } from './json-path.ts'
import type { Refuse } from './key-type.ts'

type Claims = Record<string, unknown>

/**
 * Writes Hasura's claims into a token, beside its registered ones.
 *
 * @throws Error that names the claim, where Hasura would refuse the token or read another value in it
 */
export type ClaimsShape = (token: Claims, claims: HasuraClaims) => Claims

/** Without a prototype, so that no key means anything but itself. */
function plainObject (): Claims {
  return Object.create(null) as Claims
}

/** Makes the objects on the way to each place. */
function writeAll (token: Claims, places: Placed[]): Claims {
  const whole = Object.assign(plainObject(), token)
  for (const [keys, value] of places.filter(([, value]) => value !== undefined)) {
    let object = whole
    for (const key of keys.slice(0, -1)) object = (object[key] ??= plainObject()) as Claims
    for (const key of keys.slice(-1)) object[key] = value
  }
  return whole
}

function readNamespace (secret: Claims, refuse: Refuse): { name: string, keys: Array<string | number> } {
  const { claims_namespace: namespace = 'https://hasura.io/jwt/claims', claims_namespace_path: path } = secret
  if (path === undefined) {
    if (typeof namespace !== 'string') return refuse('has a "claims_namespace" that is not a string')
    return { name: '"claims_namespace"', keys: [namespace] }
  }
  const isBoth = secret['claims_namespace'] !== undefined
  if (isBoth) refuse('has both "claims_namespace" and "claims_namespace_path": Hasura takes only one of them')
  return { name: '"claims_namespace_path"', keys: readPath(path, '"claims_namespace_path"', refuse) }
}

/**
 * Reads where in a token Hasura looks for its claims.
 *
 * @param secret - Hasura's JWT configuration
 * @param fixed - the registered claims that are the same in every token
 * @throws through `refuse` where Hasura would not start, or would refuse every token
 */
export function readClaimsShape (secret: Claims, fixed: Claims, refuse: Refuse): ClaimsShape {
  const { claims_format: format = 'json', claims_map: map } = secret
  const { name, keys: path } = readNamespace(secret, refuse)
  if (format !== 'json' && format !== 'stringified_json') {
    refuse('has a "claims_format" that is neither json nor stringified_json')
  }
  // Hasura then looks at nothing but the map.
  if (map !== undefined) {
    const place = readClaimsMap(map, fixed, refuse)
    return (token, claims) => writeAll(token, place(claims))
  }
  const keys = requireNames(path, name, refuse)
  if (registeredClaims.includes(keys[0] ?? '')) refuse(`has a ${name} inside of the registered claim ${String(keys[0])}`)
  if (format === 'json' && keys.length === 0) return (token, claims) => ({ ...token, ...claims })
  if (keys.length === 0) refuse('has the "claims_namespace_path" $ and stringified_json: a token as a whole is no string')
  return (token, claims) => writeAll(token, [[keys, format === 'json' ? claims : JSON.stringify(claims)]])
}
