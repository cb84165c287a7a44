/** Every `type` of Hasura's JWT configuration. */
export const types = ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'Ed25519']
export const roles = { 'x-hasura-allowed-roles': { path: '$.roles' }, 'x-hasura-default-role': { path: '$.role' } }
/** The user's claims beside Hasura's three. */
export const orgClaims = { 'x-hasura-org-id': '{1,2}' }

interface Shape {
  /** Settings of Hasura's JWT configuration beside the type and the key. */
  json: object
  /** The token's claims beside sub, jti, iat and exp. */
  token: Record<string, unknown>
  /** The session variables that Hasura reads, beside the role. By default those of the user. */
  variables?: Record<string, string>
  header?: (token: string) => Record<string, string>
}

const claims = {
  'x-hasura-org-id': '{1,2}',
  'x-hasura-allowed-roles': ['user', 'editor'],
  'x-hasura-default-role': 'user',
  'x-hasura-user-id': '7'
}
export const namespace = 'https://hasura.io/jwt/claims'
const own = { [namespace]: claims }
export const userId = { 'x-hasura-user-id': '7' }
const mapped = { roles: ['user', 'editor'], role: 'user' }

/** Every key of Hasura's JWT configuration that changes the form of a token, separately and combined. */
export const shapes: Record<string, Shape> = {
  'as it is': { json: {}, token: own },
  'claims_namespace': { json: { claims_namespace: 'a.b' }, token: { 'a.b': claims } },
  'claims_namespace __proto__': { json: { claims_namespace: '__proto__' }, token: JSON.parse(JSON.stringify({ x: claims }).replace('x', '__proto__')) as Record<string, unknown> },
  'claims_namespace_path $': { json: { claims_namespace_path: '$' }, token: claims },
  'claims_namespace_path $.a.b': { json: { claims_namespace_path: '$.a.b' }, token: { a: { b: claims } } },
  'claims_namespace_path $.a[\'b%\']': { json: { claims_namespace_path: '$.a[\'b%\']' }, token: { a: { 'b%': claims } } },
  'claims_namespace_path ["a b"].c-d without $': { json: { claims_namespace_path: '["a b"].c-d' }, token: { 'a b': { 'c-d': claims } } },
  'stringified_json': { json: { claims_format: 'stringified_json' }, token: { [namespace]: JSON.stringify(claims) } },
  'stringified_json at a path': {
    json: { claims_format: 'stringified_json', claims_namespace_path: '$.a.b' }, token: { a: { b: JSON.stringify(claims) } }
  },
  'claims_map of paths': {
    json: { claims_map: { ...roles, 'x-hasura-user-id': { path: '$.user.id' } } },
    token: { ...mapped, user: { id: '7' } },
    variables: userId
  },
  'claims_map into one object': {
    json: { claims_map: { 'x-hasura-allowed-roles': { path: '$.a.roles' }, 'x-hasura-default-role': { path: '$.a.role' }, 'X-Hasura-User-Id': { path: '$.a.b[\'id\']' } } },
    token: { a: { ...mapped, b: { id: '7' } } },
    variables: userId
  },
  'claims_map of Hasura\'s documentation': {
    json: { claims_map: {
      'x-hasura-allowed-roles': { path: '$.hasura.all_roles' },
      'x-hasura-default-role': { path: '$.hasura.all_roles[0]', default: 'user' },
      'x-hasura-user-id': { path: '$.user.id', default: 'ujdh739kd' }
    } },
    token: { hasura: { all_roles: ['user', 'editor'] }, user: { id: '7' } },
    variables: userId
  },
  'claims_map with $.sub': { json: { claims_map: { ...roles, 'x-hasura-user-id': { path: '$.sub' } } }, token: mapped, variables: userId },
  'claims_map with two names for one string': {
    json: { claims_map: { ...roles, 'x-hasura-user-id': { path: '$.id' }, 'x-hasura-author': { path: '$.id' }, 'x-hasura-me': { path: '$.sub' } } },
    token: { ...mapped, id: '7' },
    variables: { ...userId, 'x-hasura-author': '7', 'x-hasura-me': '7' }
  },
  'claims_map with a default, and the claim': {
    json: { claims_map: { ...roles, 'x-hasura-org-id': { path: '$.org', default: '{}' } } },
    token: { ...mapped, org: '{1,2}' },
    variables: { 'x-hasura-org-id': '{1,2}' }
  },
  'claims_map without a default, and the claim': {
    json: { claims_map: { ...roles, 'x-hasura-org-id': { path: '$.org' } } },
    token: { ...mapped, org: '{1,2}' },
    variables: { 'x-hasura-org-id': '{1,2}' }
  },
  'claims_map with defaults for registered claims that are not there': {
    json: { claims_map: {
      ...roles,
      'x-hasura-by': { path: '$.iss', default: 'us' },
      'x-hasura-for': { path: '$.aud', default: 'all' },
      'x-hasura-from': { path: '$.nbf', default: 'now' }
    } },
    token: mapped,
    variables: { 'x-hasura-by': 'us', 'x-hasura-for': 'all', 'x-hasura-from': 'now' }
  },
  'claims_map with a default, without the claim': {
    json: { claims_map: { ...roles, 'x-hasura-plan': { path: '$.plan', default: 'free' } } },
    token: mapped,
    variables: { 'x-hasura-plan': 'free' }
  },
  'claims_map with defaults for the roles': {
    json: { claims_map: {
      'x-hasura-allowed-roles': { path: '$.roles', default: ['guest'] }, 'x-hasura-default-role': { path: '$.role', default: null }
    } },
    token: mapped,
    variables: {}
  },
  'claims_map of literals': {
    json: { claims_map: { 'x-hasura-allowed-roles': ['user', 'editor'], 'x-hasura-default-role': 'user', 'x-hasura-app': 'shop' } },
    token: {},
    variables: { 'x-hasura-app': 'shop' }
  },
  'claims_map over a namespace and a format': {
    json: { claims_map: roles, claims_namespace: 'a', claims_format: 'stringified_json' }, token: mapped, variables: {}
  },
  'claims_map over a path into a list': {
    json: { claims_map: roles, claims_namespace_path: '$.a[0]' }, token: mapped, variables: {}
  },
  'claims_map with issuer and audience': {
    json: { issuer: 'auth', audience: 'app', claims_map: { ...roles, 'x-hasura-by': { path: '$.iss' }, 'x-hasura-for': { path: '$.aud' } } },
    token: { iss: 'auth', aud: 'app', ...mapped },
    variables: { 'x-hasura-by': 'auth', 'x-hasura-for': 'app' }
  },
  'audience': { json: { audience: 'app' }, token: { aud: 'app', ...own } },
  'audience of several': { json: { audience: ['app', 'https://b.test'] }, token: { aud: ['app', 'https://b.test'], ...own } },
  'audience of none': { json: { audience: [] }, token: own },
  'issuer': { json: { issuer: 'https://auth.test' }, token: { iss: 'https://auth.test', ...own } },
  'allowed_skew': { json: { allowed_skew: 60 }, token: own },
  'allowed_skew below 0': { json: { allowed_skew: -60 }, token: own },
  'header Authorization': { json: { header: { type: 'Authorization' } }, token: own },
  'header Cookie': {
    json: { header: { type: 'Cookie', name: 'jwt' } }, token: own, header: token => ({ cookie: `a=b; jwt=${token}; c=d` })
  },
  'header CustomHeader': {
    json: { header: { type: 'CustomHeader', name: 'X-Token' } }, token: own, header: token => ({ 'x-token': token })
  },
  'stringified_json at a path with issuer, audience, skew and Cookie': {
    json: {
      claims_format: 'stringified_json',
      claims_namespace_path: '$.a[\'b%\']',
      issuer: 'https://auth.test',
      audience: ['app', 'https://b.test'],
      allowed_skew: 60,
      header: { type: 'Cookie', name: 'jwt' }
    },
    token: { iss: 'https://auth.test', aud: ['app', 'https://b.test'], a: { 'b%': JSON.stringify(claims) } },
    header: token => ({ cookie: `jwt=${token}` })
  },
  'claims_namespace with issuer, audience and CustomHeader': {
    json: { claims_namespace: 'a.b', issuer: 'auth', audience: 'app', header: { type: 'CustomHeader', name: 'X-Token' } },
    token: { 'iss': 'auth', 'aud': 'app', 'a.b': claims },
    header: token => ({ 'x-token': token })
  },
  'claims_map of paths, defaults and literals with issuer, audience, skew and Cookie': {
    json: {
      claims_map: {
        ...roles,
        'x-hasura-user-id': { path: '$.sub' },
        'x-hasura-org-id': { path: '$[\'a b\'].org', default: '{}' },
        'x-hasura-plan': { path: '$.plan', default: 'free' },
        'x-hasura-app': 'shop',
        'x-hasura-by': { path: '$.iss' }
      },
      issuer: 'auth',
      audience: ['app'],
      allowed_skew: 1,
      header: { type: 'Cookie', name: 'jwt' }
    },
    token: { 'iss': 'auth', 'aud': ['app'], ...mapped, 'a b': { org: '{1,2}' } },
    variables: {
      ...userId, ...orgClaims, 'x-hasura-plan': 'free', 'x-hasura-app': 'shop', 'x-hasura-by': 'auth'
    },
    header: token => ({ cookie: `jwt=${token}` })
  },
  'claims_map with a literal default role': {
    json: { claims_map: { ...roles, 'x-hasura-default-role': 'user' } }, token: { roles: ['user', 'editor'] }, variables: {}
  },
  'claims_map with literal allowed roles': {
    json: { claims_map: { ...roles, 'x-hasura-allowed-roles': ['user', 'editor'] } }, token: { role: 'user' }, variables: {}
  },
  'nulls': { json: { claims_namespace_path: null, claims_map: null, audience: null, header: null }, token: own },
  'what Hasura does not know': { json: { comment: 'ours' }, token: own }
}
