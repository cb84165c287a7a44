import { randomUUID } from 'node:crypto'
import { ConfigError } from '../config.ts'
import { isObject, parseJsonPath, readAt, writeAt } from './json-path.ts'
import type { JsonPath } from './json-path.ts'

/*
 * Hasura's `claims_map`. With it, Hasura does not read its claims from one object of the token, but each one from the
 * place that the map gives:
 *
 *   "x-hasura-app": "shop"                                      a literal, the same for every user
 *   "x-hasura-org-id": { "path": "$.org", "default": "none" }   the value at that path of the token, or the default
 *
 * So this service makes a token in two steps. The first writes each claim at its path, but never over another claim or
 * into a registered one. The second reads all claims back as Hasura does, and compares them with what the user should
 * have. This finds every mistake: two claims at one path, a path to a registered claim that is not a string, a claim
 * that this user lacks, a literal that contradicts the database. It also runs at the start, for a sample user, so that
 * a map that fits no user stops the start.
 */

/** Hasura's claims by their names in lower case. Only the allowed roles are a list. */
export type HasuraClaims = Record<string, string | string[]>

/** RFC 7519, section 4.1. */
export const registeredClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

export type Payload = Record<string, unknown>

/**
 * Adds Hasura's claims to the registered claims of a token.
 *
 * @throws Error that names the claim, if Hasura would refuse the token or read another value from it
 */
export type AddClaims = (registered: Payload, claims: HasuraClaims) => Payload

const allowedRoles = 'x-hasura-allowed-roles'
const defaultRole = 'x-hasura-default-role'
const roleClaims = [allowedRoles, defaultRole]

interface ClaimsMap {
  literals: Map<string, unknown>
  paths: Array<{ claim: string, path: JsonPath, fallback: unknown }>
}

function refuse (problem: string): never {
  throw new ConfigError('HASURA_GRAPHQL_JWT_SECRET', `has a "claims_map" ${problem}`)
}

/** Whether Hasura accepts a value for a claim. */
function isUsable (claim: string, value: unknown): boolean {
  if (claim === allowedRoles) return Array.isArray(value) && value.every(role => isUsable(defaultRole, role))
  return typeof value === 'string' && (claim !== defaultRole || value !== '')
}

function checkConstant (claim: string, value: unknown): unknown {
  if (isUsable(claim, value)) return value
  return refuse(`with an unusable ${claim}: it must be ${claim === allowedRoles ? 'a list of roles' : 'a string'}, or an object with a "path"`)
}

function readMap (map: unknown): ClaimsMap {
  if (!isObject(map)) return refuse('that is not an object')
  for (const claim of roleClaims) if (!Object.hasOwn(map, claim)) refuse(`without ${claim}, in lower case`)
  const entries = Object.entries(map).map(([name, value]) => ({ claim: name.toLowerCase(), value }))
  // Hasura does not define which one it uses.
  if (new Set(entries.map(({ claim }) => claim)).size < entries.length) refuse('with two spellings of one claim')

  const literals = new Map<string, unknown>()
  const paths: ClaimsMap['paths'] = []
  for (const { claim, value } of entries) {
    if (isObject(value)) {
      const path = parseJsonPath(value['path']) ?? refuse(`with an unusable "path" for ${claim}: use $.a.b or $.a['b%']`)
      const fallback = value['default'] ?? undefined
      paths.push({ claim, path, fallback: fallback === undefined ? undefined : checkConstant(claim, fallback) })
    } else literals.set(claim, checkConstant(claim, value))
  }
  const literalRoles = roleClaims.flatMap(claim => literals.get(claim))
  if (literalRoles.includes('admin')) refuse('with the role admin as a literal: every user would be an administrator')
  return { literals, paths }
}

function write ({ paths }: ClaimsMap, registered: Payload, claims: Map<string, unknown>): Payload {
  const payload = Object.assign(Object.create(null) as Payload, registered)
  for (const { claim, path } of paths) {
    if (claims.has(claim) && !registeredClaims.includes(String(path[0]))) writeAt(payload, path, claims.get(claim))
  }
  return payload
}

/** Reads the claims back as Hasura does. Returns what is wrong with them. */
function findMistake (map: ClaimsMap, payload: Payload, claims: Map<string, unknown>): string | undefined {
  const found = new Map(map.literals)
  for (const { claim, path, fallback } of map.paths) found.set(claim, readAt(payload, path) ?? fallback)
  for (const [claim, value] of found) {
    if (!isUsable(claim, value)) return `Hasura finds no usable ${claim} by its "claims_map"`
    // A literal may replace the roles of the database, if the default role is still an allowed one.
    const isReplaced = map.literals.has(claim) && roleClaims.includes(claim)
    if (claims.has(claim) && claims.get(claim) !== value && !isReplaced) {
      return `Hasura finds another value for ${claim} by its "claims_map" than this service issues`
    }
  }
  if ([found.get(allowedRoles)].flat().includes(found.get(defaultRole))) return undefined
  return `Hasura finds an ${defaultRole} by its "claims_map" that is not among the ${allowedRoles}`
}

/** The claims of a sample user with one role, and a value for every other claim to which the map gives its own path. */
function sampleClaims (map: ClaimsMap, registered: Payload): Map<string, unknown> {
  const [role = randomUUID()] = [map.literals.get(defaultRole) ?? map.literals.get(allowedRoles)].flat()
  const claims = new Map<string, unknown>([[allowedRoles, [role]], [defaultRole, role], ['x-hasura-user-id', registered['sub']]])
  const payload = write(map, registered, claims)
  for (const { claim, path } of map.paths) {
    const isOwnPath = readAt(payload, path) === undefined && !registeredClaims.includes(String(path[0]))
    if (isOwnPath && claim.startsWith('x-hasura-')) claims.set(claim, randomUUID())
  }
  return claims
}

/**
 * Reads Hasura's `claims_map`.
 *
 * @param fixed - the registered claims that are the same in every token
 * @throws ConfigError if Hasura would not start, or would refuse every token
 */
export function readClaimsMap (value: unknown, fixed: Payload): AddClaims {
  const map = readMap(value)
  const registered = { ...fixed, sub: randomUUID(), jti: randomUUID(), iat: 0, exp: 0 }
  const sample = sampleClaims(map, registered)
  const mistake = findMistake(map, write(map, registered, sample), sample)
  if (mistake !== undefined) refuse(`that fits no user: ${mistake}`)
  return (registered, claims) => {
    const user = new Map(Object.entries(claims))
    const payload = write(map, registered, user)
    const mistake = findMistake(map, payload, user)
    if (mistake !== undefined) throw new Error(mistake)
    return payload
  }
}
