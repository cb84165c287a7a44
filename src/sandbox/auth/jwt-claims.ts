import { HasuraFault } from '../fault.ts'
import { jsonType } from '../json.ts'
import type { Json } from '../json.ts'
import { lookUp } from './claims-path.ts'
import type { JwtConfig, MappedClaim } from './jwt-config.ts'

export interface SessionClaims { allowedRoles: string[], defaultRole: string, variables: Record<string, string> }

const registered = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

function invalidClaims (message: string): never {
  throw new HasuraFault('jwt-invalid-claims', message)
}

function readClaims (claims: Json): SessionClaims {
  const named = Object.entries(claims).map(([name, value]): [string, unknown] => [name.toLowerCase(), value])
  const { 'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': defaultRole, ...others } = Object.fromEntries(
    named.filter(([name]) => name.startsWith('x-hasura-'))
  )
  const missing = (name: string): never => {
    throw new HasuraFault('jwt-missing-role-claims', `JWT claim does not contain ${name}`)
  }
  if (allowed === undefined) missing('x-hasura-allowed-roles')
  if (!Array.isArray(allowed) || !allowed.every(role => typeof role === 'string')) {
    const found = jsonType(Array.isArray(allowed) ? allowed.find(role => typeof role !== 'string') : allowed)
    const parser = Array.isArray(allowed) ? 'Text failed, expected String' : '[] failed, expected Array'
    return invalidClaims(
      `invalid x-hasura-allowed-roles; should be a list of roles: parsing ${parser}, but encountered ${found}`
    )
  }
  if (allowed.includes('')) invalidClaims('invalid x-hasura-allowed-roles; should be a list of roles: a role is empty')
  if (defaultRole === undefined) missing('x-hasura-default-role')
  if (typeof defaultRole !== 'string') {
    const error = `parsing Text failed, expected String, but encountered ${jsonType(defaultRole)}`
    return invalidClaims(`invalid x-hasura-default-role; should be a single role name: ${error}`)
  }
  if (defaultRole === '') invalidClaims('invalid x-hasura-default-role; should be a single role name: it is empty')
  for (const value of Object.values(others)) {
    if (typeof value === 'string') continue
    invalidClaims(`x-hasura-* claims: parsing Text failed, expected String, but encountered ${jsonType(value)}`)
  }
  return { allowedRoles: allowed, defaultRole, variables: others as Record<string, string> }
}

/** Reads the claims of a `claims_map`: each is a literal, or a value at a path in the token. */
function readMapped (payload: Json, map: Record<string, MappedClaim>): Json {
  return Object.fromEntries(Object.entries(map).map(([claim, mapped]): [string, unknown] => {
    if (typeof mapped === 'string' || Array.isArray(mapped)) return [claim, mapped]
    const value = lookUp(mapped.path, payload) ?? mapped.default ?? undefined
    const isRole = claim === 'x-hasura-allowed-roles' || claim === 'x-hasura-default-role'
    if (value === undefined && !isRole) invalidClaims(`JWT claim from claims_map, ${claim} not found`)
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
  const found = 'key' in namespace ? unregistered[namespace.key] : lookUp(namespace.path, unregistered)
  const place = 'key' in namespace ? `claims_namespace ${namespace.key}` : `claims_namespace_path ${namespace.text}`
  if (found === undefined) {
    invalidClaims('key' in namespace
      ? `claims key: '${namespace.key}' not found`
      : `claims not found at claims_namespace_path: '${namespace.text}'`)
  }
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
  return invalidClaims(`expecting stringified json at: '${place}', but found: ${found}`)
}
