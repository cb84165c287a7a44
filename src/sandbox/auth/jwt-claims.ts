import { registeredClaims } from '../../jwt/claims-map.ts'
import { isObject, readAt } from '../../jwt/json-path.ts'
import { HasuraFault } from '../fault.ts'
import { parseObject, typeMistake } from '../json.ts'
import type { Json } from '../json.ts'
import type { ClaimsMap, JwtConfig } from './jwt-config.ts'

export interface SessionClaims { allowedRoles: string[], defaultRole: string, variables: Record<string, string> }

function invalidClaims (message: string): never {
  throw new HasuraFault('jwt-invalid-claims', message)
}

function requireType (value: unknown, type: string, parser: string, what: string): void {
  const mistake = typeMistake(value, type, parser)
  if (mistake !== undefined) invalidClaims(`${what}: ${mistake}`)
}

function readRole (value: unknown, what: string): string {
  requireType(value, 'String', 'Text', what)
  return String(value) || invalidClaims(`${what}: a role is empty`)
}

function readClaims (claims: Json): SessionClaims {
  const named = Object.entries(claims).map(([name, value]): [string, unknown] => [name.toLowerCase(), value])
  const { 'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': role, ...others } = Object.fromEntries(
    named.filter(([name]) => name.startsWith('x-hasura-'))
  )
  const missing = (name: string): never => {
    throw new HasuraFault('jwt-missing-role-claims', `JWT claim does not contain ${name}`)
  }
  const listOfRoles = 'invalid x-hasura-allowed-roles; should be a list of roles'
  if (allowed === undefined) missing('x-hasura-allowed-roles')
  requireType(allowed, 'Array', '[]', listOfRoles)
  const allowedRoles = [allowed].flat().map(role => readRole(role, listOfRoles))
  if (role === undefined) missing('x-hasura-default-role')
  const defaultRole = readRole(role, 'invalid x-hasura-default-role; should be a single role name')
  for (const value of Object.values(others)) requireType(value, 'String', 'Text', 'x-hasura-* claims')
  return { allowedRoles, defaultRole, variables: others as Record<string, string> }
}

/** Reads the claims of a `claims_map`: each is a literal, or a value at a path in the token. */
function readMapped (payload: Json, map: ClaimsMap): Json {
  return Object.fromEntries(Object.entries(map).map(([claim, mapped]): [string, unknown] => {
    if (typeof mapped === 'string' || Array.isArray(mapped)) return [claim, mapped]
    const value = readAt(payload, mapped.path.steps) ?? mapped.default ?? undefined
    const isRole = claim === 'x-hasura-allowed-roles' || claim === 'x-hasura-default-role'
    if (value === undefined && !isRole) invalidClaims(`JWT claim from claims_map, ${claim.toLowerCase()} not found`)
    return [claim, value]
  }))
}

/**
 * Finds Hasura's claims in a verified token.
 *
 * @throws HasuraFault with Hasura's message
 */
export function findClaims (payload: Json, config: JwtConfig): SessionClaims {
  const { claims_map: map, claims_namespace: name = 'https://hasura.io/jwt/claims', claims_namespace_path: path } = config
  if (map !== undefined) return readClaims(readMapped(payload, map))
  const own = Object.fromEntries(Object.entries(payload).filter(([claim]) => !registeredClaims.includes(claim)))
  const found = readAt(own, path?.steps ?? [name])
  if (found === undefined) {
    invalidClaims(path ? `claims not found at claims_namespace_path: '${path.text}'` : `claims key: '${name}' not found`)
  }
  if (config.claims_format === 'json') {
    return isObject(found) ? readClaims(found) : invalidClaims('expecting a json object when claims_format is json')
  }
  if (typeof found !== 'string') return invalidClaims('expecting a string when claims_format is stringified_json')
  const claims = parseObject(found)
  if (claims !== undefined) return readClaims(claims)
  const place = path ? `claims_namespace_path ${path.text}` : `claims_namespace ${name}`
  return invalidClaims(`expecting stringified json at: '${place}', but found: ${found}`)
}
