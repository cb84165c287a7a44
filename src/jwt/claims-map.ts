import { randomUUID } from 'node:crypto'
import { refuseVariable } from '../config.ts'
import type { Refuse } from '../config.ts'
import { isObject, parseJsonPath, readAt, writeAt } from './json-path.ts'
import type { JsonPath } from './json-path.ts'

/*
 * Hasura's `claims_map`. With it, Hasura does not read its claims from one object of the token. It reads each claim
 * from the place that the map gives:
 *
 *   "x-hasura-app": "shop"                                      a literal, the same for every user
 *   "x-hasura-org-id": { "path": "$.org", "default": "none" }   the value at that path of the token, or the default
 *
 * This service makes a token in two steps. First it writes each claim at its path, but never over another claim or
 * into a registered one. Then it reads all claims back as Hasura does, and compares them with what the user should
 * have. This finds every mistake: two claims at one path, a path to a registered claim that is not a string, a claim
 * that this user lacks, a literal that contradicts the database. It also does this when it starts, for a sample user,
 * and does not start with a map that fits no user.
 */

/** Hasura's claims by their names in lower case. Only the allowed roles are a list. */
export type HasuraClaims = Record<string, string | string[]>

/** RFC 7519, section 4.1. */
export const registeredClaims = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

export type Payload = Record<string, unknown>

/**
 * Makes the payload of a token from its registered claims, without those that every token has, and Hasura's claims.
 *
 * @throws Error that names the claim, if Hasura would refuse the token or read another value from it
 */
export type ToPayload = (registered: Payload, claims: HasuraClaims) => Payload

const allowedRoles = 'x-hasura-allowed-roles'
const defaultRole = 'x-hasura-default-role'
const roleClaims = [allowedRoles, defaultRole]

/** Where Hasura finds a claim. */
interface Source {
  claim: string
  /** Undefined for a literal. */
  path: JsonPath | undefined
  /** The literal, or the default if there is nothing at the path. */
  constant: unknown
}

const refuse: Refuse = problem => refuseVariable('HASURA_GRAPHQL_JWT_SECRET')(`has a "claims_map" ${problem}`)

/** Whether Hasura accepts a value for a claim. */
function isUsable (claim: string, value: unknown): boolean {
  if (claim === allowedRoles) return Array.isArray(value) && value.every(role => isUsable(defaultRole, role))
  return typeof value === 'string' && (claim !== defaultRole || value !== '')
}

function readSource (claim: string, value: unknown): Source {
  const path = isObject(value) ? parseJsonPath(value['path']) : undefined
  if (isObject(value) && path === undefined) refuse(`with an unusable "path" for ${claim}: use $.a.b or $.a['b%']`)
  const constant = isObject(value) ? value['default'] ?? undefined : value
  if ((path === undefined || constant !== undefined) && !isUsable(claim, constant)) {
    refuse(`with an unusable ${claim}: it must be ${claim === allowedRoles ? 'a list of roles' : 'a string'}, or an object with a "path"`)
  }
  return { claim, path, constant }
}

function readMap (map: unknown, hasSessions: boolean): Source[] {
  if (!isObject(map)) return refuse('that is not an object')
  for (const claim of roleClaims) if (!Object.hasOwn(map, claim)) refuse(`without ${claim}, in lower case`)
  const sources = Object.entries(map).map(([name, value]) => readSource(name.toLowerCase(), value))
  // Hasura does not define which one it uses.
  if (new Set(sources.map(({ claim }) => claim)).size < sources.length) refuse('with two spellings of one claim')
  // Otherwise nothing tells the actions whether the session of a token has ended.
  if (hasSessions && !sources.some(({ claim }) => claim === 'x-hasura-session-id')) refuse('without x-hasura-session-id, which TOKEN_SECRET needs')
  if (roleClaims.flatMap(claim => map[claim]).includes('admin')) refuse('with the role admin as a literal: every user would be an administrator')
  return sources
}

function write (sources: Source[], registered: Payload, claims: Map<string, unknown>): Payload {
  const payload = Object.assign(Object.create(null) as Payload, registered)
  for (const { claim, path = [] } of sources) {
    if (claims.has(claim) && !registeredClaims.includes(String(path[0]))) writeAt(payload, path, claims.get(claim))
  }
  return payload
}

/** Reads the claims back as Hasura does. Returns what is wrong with them. */
function findMistake (sources: Source[], payload: Payload, claims: Map<string, unknown>): string | undefined {
  const found = new Map<string, unknown>()
  for (const { claim, path, constant } of sources) {
    const value = path === undefined ? constant : readAt(payload, path) ?? constant
    found.set(claim, value)
    if (!isUsable(claim, value)) return `Hasura finds no usable ${claim} by its "claims_map"`
    // A literal may replace the roles of the database, if the default role is still an allowed one.
    const isReplaced = path === undefined && roleClaims.includes(claim)
    if (claims.has(claim) && claims.get(claim) !== value && !isReplaced) {
      return `Hasura finds another value for ${claim} by its "claims_map" than this service issues`
    }
  }
  if ([found.get(allowedRoles)].flat().includes(found.get(defaultRole))) return undefined
  return `Hasura finds an ${defaultRole} by its "claims_map" that is not among the ${allowedRoles}`
}

/** The claims of a sample user with one role, and a value for every other claim to which the map gives its own path. */
function sampleClaims (sources: Source[], registered: Payload): Map<string, unknown> {
  const literalOf = (wanted: string): unknown => (
    sources.find(({ claim, path }) => claim === wanted && path === undefined)?.constant
  )
  const [role = randomUUID()] = [literalOf(defaultRole) ?? literalOf(allowedRoles)].flat()
  const claims = new Map<string, unknown>([[allowedRoles, [role]], [defaultRole, role], ['x-hasura-user-id', registered['sub']]])
  const payload = write(sources, registered, claims)
  for (const { claim, path = [] } of sources) {
    const isFree = readAt(payload, path) === undefined && !registeredClaims.includes(String(path[0]))
    if (isFree && claim.startsWith('x-hasura-')) claims.set(claim, randomUUID())
  }
  return claims
}

/**
 * Reads Hasura's `claims_map`.
 *
 * @param fixed - the registered claims that are the same in every token
 * @throws ConfigError if Hasura would not start, or would refuse every token
 */
export function readClaimsMap (value: unknown, fixed: Payload, hasSessions: boolean): ToPayload {
  const sources = readMap(value, hasSessions)
  const registered = { ...fixed, sub: randomUUID(), jti: randomUUID(), iat: 0, exp: 0 }
  const sample = sampleClaims(sources, registered)
  const mistake = findMistake(sources, write(sources, registered, sample), sample)
  if (mistake !== undefined) refuse(`that fits no user: ${mistake}`)
  return (registered, claims) => {
    const user = new Map(Object.entries(claims))
    const payload = write(sources, { ...fixed, ...registered }, user)
    const mistake = findMistake(sources, payload, user)
    if (mistake !== undefined) throw new Error(mistake)
    return payload
  }
}
