import { HasuraFault } from '../fault.ts'
import { jsonType, typeMistake } from '../json.ts'
import type { Json } from '../json.ts'
import { lookUp } from './claims-path.ts'
import type { ClaimsMap, JwtConfig } from './jwt-config.ts'

export interface SessionClaims { allowedRoles: string[], defaultRole: string, variables: Record<string, string> }

const registered = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

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
    const value = lookUp(mapped.path, payload) ?? mapped.default ?? undefined
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
export function findClaims (payload: Json, { map, namespace, isStringified }: JwtConfig): SessionClaims {
  if (map !== undefined) return readClaims(readMapped(payload, map))
  const unregistered = Object.fromEntries(Object.entries(payload).filter(([name]) => !registered.includes(name)))
  const found = lookUp(namespace.path, unregistered)
  if (found === undefined) invalidClaims(namespace.notFound)
  if (!isStringified) {
    if (jsonType(found) !== 'Object') invalidClaims('expecting a json object when claims_format is json')
    return readClaims(found as Json)
  }
  if (typeof found !== 'string') return invalidClaims('expecting a string when claims_format is stringified_json')
  try {
    const claims: unknown = JSON.parse(found)
    if (jsonType(claims) === 'Object') return readClaims(claims as Json)
  } catch (error) {
    if (error instanceof HasuraFault) throw error
  }
  return invalidClaims(`expecting stringified json at: '${namespace.place}', but found: ${found}`)
}
