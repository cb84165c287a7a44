import { generateKeyPairSync } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { createAuthenticate } from '../../../src/sandbox/auth/authenticate.ts'

const key = 'k'.repeat(64)
const jwtSecret = JSON.stringify({ type: 'HS256', key, audience: ['app'], issuer: 'auth' })
const report = (problem: string): void => { throw new Error(problem) }
const { authenticate } = createAuthenticate({ adminSecret: 'secret', jwtSecret, unauthorizedRole: 'anonymous', report })
const namespace = 'https://hasura.io/jwt/claims'
const claims = { 'x-hasura-allowed-roles': ['user', 'editor'], 'x-hasura-default-role': 'user', 'X-Hasura-User-Id': '7' }
const now = Math.floor(Date.now() / 1000)

async function token (payload: Record<string, unknown>, { alg = 'HS256', secret = key } = {}): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))
}

async function answer (headers: Record<string, string>): Promise<unknown> {
  return authenticate(headers).catch((error: unknown) => JSON.parse(JSON.stringify(error)) as unknown)
}

const fault = (code: string, message: string) => ({ message, extensions: { path: '$', code } })
const jwtFault = (reason: string) => fault('invalid-jwt', `Could not verify JWT: ${reason}`)

t.test('the admin secret wins over everything else that is sent', async (t) => {
  const bearer = `Bearer ${await token({ [namespace]: claims })}`
  const wrong = fault('access-denied', 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"')
  t.strictSame(await answer({ 'x-hasura-admin-secret': 'secret' }), { role: 'admin', variables: { 'x-hasura-role': 'admin' } })
  t.strictSame(await answer({ 'x-hasura-admin-secret': 'secret', 'x-hasura-role': 'user', 'x-hasura-user-id': '1' }),
    { role: 'user', variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': '1' } })
  t.strictSame(await answer({ 'x-hasura-admin-secret': 'no', 'authorization': bearer }), wrong)
  t.strictSame(await answer({ 'x-hasura-access-key': 'no' }), wrong)
})

t.test('a client without credentials gets the unauthorized role and cannot choose another', async (t) => {
  t.strictSame(await answer({ 'x-hasura-role': 'admin', 'x-hasura-user-id': '1' }),
    { role: 'anonymous', variables: { 'x-hasura-role': 'anonymous', 'x-hasura-user-id': '1' } })
})

t.test('a valid token sets the role and the session variables', async (t) => {
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const authorization = `Bearer ${await token({ [namespace]: claims, sub: '7', iat: now, exp: now + 9, aud: 'app' }, { alg })}`
    t.strictSame(await answer({ authorization }),
      { role: 'user', variables: { 'x-hasura-user-id': '7', 'x-hasura-role': 'user' } })
    t.match(await answer({ authorization, 'x-hasura-role': 'editor' }), { role: 'editor' })
    t.strictSame(await answer({ authorization, 'x-hasura-role': 'admin' }),
      fault('access-denied', 'Your requested role is not in allowed roles'))
  }
})

t.test('an invalid token is refused with Hasura\'s message', async (t) => {
  const good = { [namespace]: claims }
  const of = (changes: object) => token({ [namespace]: { ...claims, ...changes } })
  const badRoles = 'invalid x-hasura-allowed-roles; should be a list of roles: parsing'
  const badDefault = 'invalid x-hasura-default-role; should be a single role name: parsing Text failed'
  const table: Array<[string, object]> = [
    [await token({ ...good, exp: now - 1 }), jwtFault('JWTExpired')],
    [await token({ ...good, nbf: now + 60 }), jwtFault('JWTNotYetValid')],
    [await token({ ...good, iat: now + 60 }), jwtFault('JWTIssuedAtFuture')],
    [await token({ ...good, aud: 'other' }), jwtFault('JWTNotInAudience')],
    [await token({ ...good, iss: 'other' }), jwtFault('JWTNotInIssuer')],
    [await token(good, { secret: 'x'.repeat(64) }), jwtFault('JWSError JWSInvalidSignature')],
    [new UnsecuredJWT(good).encode(), jwtFault('JWSError JWSNoSignatures')],
    ['a.b', jwtFault('JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 2)')],
    [await token({ ...good, sub: 1 }), jwtFault('JWTClaimsSetDecodeError '
      + '"Error in $.sub: parsing StringOrURI failed, expected String, but encountered Number"')],
    [await token({ ...good, aud: 7 }), jwtFault('JWTClaimsSetDecodeError '
      + '"Error in $.aud: parsing StringOrURI failed, expected String, but encountered Number"')],
    [await token({ ...good, aud: ['app', 7] }), jwtFault('JWTClaimsSetDecodeError '
      + '"Error in $.aud: parsing StringOrURI failed, expected String, but encountered Number"')],
    [await token({ ...good, sub: 'a b: c' }), jwtFault('JWTClaimsSetDecodeError '
      + '"Error in $.sub: parsing StringOrURI failed, invalid URI"')],
    [await of({ 'x-hasura-allowed-roles': ['user', ''] }), fault('jwt-invalid-claims',
      'invalid x-hasura-allowed-roles; should be a list of roles: a role is empty')],
    [await of({ 'x-hasura-default-role': '' }), fault('jwt-invalid-claims',
      'invalid x-hasura-default-role; should be a single role name: a role is empty')],
    [await of({ 'x-hasura-org': true }), fault('jwt-invalid-claims',
      'x-hasura-* claims: parsing Text failed, expected String, but encountered Boolean')],
    [await token({}), fault('jwt-invalid-claims', `claims key: '${namespace}' not found`)],
    [await token({ [namespace]: '{}' }), fault('jwt-invalid-claims', 'expecting a json object when claims_format is json')],
    [await of({ 'x-hasura-allowed-roles': undefined }),
      fault('jwt-missing-role-claims', 'JWT claim does not contain x-hasura-allowed-roles')],
    [await of({ 'x-hasura-default-role': undefined }),
      fault('jwt-missing-role-claims', 'JWT claim does not contain x-hasura-default-role')],
    [await of({ 'x-hasura-allowed-roles': 'user' }),
      fault('jwt-invalid-claims', `${badRoles} [] failed, expected Array, but encountered String`)],
    [await of({ 'x-hasura-default-role': 1 }),
      fault('jwt-invalid-claims', `${badDefault}, expected String, but encountered Number`)],
    [await of({ 'X-Hasura-User-Id': 7 }),
      fault('jwt-invalid-claims', 'x-hasura-* claims: parsing Text failed, expected String, but encountered Number')]
  ]
  for (const [jwt, expected] of table) t.strictSame(await answer({ authorization: `Bearer ${jwt}` }), expected)

  const malformed = fault('invalid-headers', 'Malformed Authorization header')
  const jwt = await token(good)
  for (const authorization of [jwt, `bearer ${jwt}`, `Bearer ${jwt} x`, 'Bearer', `Basic ${jwt}`]) {
    t.strictSame(await answer({ authorization }), malformed, authorization.slice(0, 10))
  }
})

t.test('a key verifies every algorithm that it is long enough for, whatever its configured type', async (t) => {
  const short = 'k'.repeat(32)
  const { authenticate: verify } = createAuthenticate({
    adminSecret: 'a', jwtSecret: JSON.stringify({ type: 'HS256', key: short }), unauthorizedRole: 'b', report
  })
  const of = async (alg: string): Promise<string> => `Bearer ${await token({ [namespace]: claims }, { alg, secret: short })}`
  t.match(await verify({ authorization: await of('HS256') }), { role: 'user' })
  for (const alg of ['HS384', 'HS512']) {
    await t.rejects(verify({ authorization: await of(alg) }), { message: /JWSInvalidSignature/ })
  }
})

t.test('a configuration with which Hasura does not start is refused', async (t) => {
  for (const [secret, message] of [
    ['{', 'HASURA_GRAPHQL_JWT_SECRET is not a JSON object'],
    ['{"type":"HS256"}', 'HASURA_GRAPHQL_JWT_SECRET: key and jwk_url both cannot be empty'],
    ['{"type":"HS256","key":"short"}', 'Invalid JWK: Key size too small; should be atleast 32 characters'],
    ['{"type":"PS256","key":"x"}', 'Invalid JWK: Key type: PS256 is not supported'],
    ['{"type":"RS256","key":"x"}', 'Invalid JWK: Could not decode PEM: No pem found'],
    [JSON.stringify({ type: 'ES256', key: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) }),
      'Invalid JWK: Could not decode PEM: This key type is not supported'],
    ['{"key":"x","jwk_url":"http://a"}', 'HASURA_GRAPHQL_JWT_SECRET: key, jwk_url both cannot be present'],
    [JSON.stringify({ type: 'HS256', key, claims_namespace: 'a', claims_namespace_path: '$' }),
      'claims_namespace and claims_namespace_path both cannot be set'],
    [JSON.stringify({ type: 'HS256', key, claims_map: {} }), 'x-hasura-allowed-roles is expected but not found'],
    [JSON.stringify({ type: 'HS256', key, header: { type: 'Query' } }),
      'expected \'type\' is \'Authorization\' or \'Cookie\' or \'CustomHeader\''],
    [JSON.stringify({ type: 'HS256', key, claims: {} }), 'The sandbox does not support this "claims" in HASURA_GRAPHQL_JWT_SECRET'],
    ...['', '$.a b', '$.', '$.a[-1]', 'a.b]', '$["\\q"]'].map(path => [
      JSON.stringify({ type: 'HS256', key, claims_namespace_path: path }), `HASURA_GRAPHQL_JWT_SECRET: invalid JSON path ${path}`
    ] as const),
    [JSON.stringify({ type: 'HS256', key, claims_map: {
      'x-hasura-allowed-roles': ['a'], 'x-hasura-default-role': { path: '$.roles[' }
    } }), 'HASURA_GRAPHQL_JWT_SECRET: invalid JSON path $.roles['],
    [JSON.stringify({ type: 'HS256', key, allowed_skew: 'x' }),
      /^HASURA_GRAPHQL_JWT_SECRET: allowed_skew: Invalid input: expected number/]
  ] as const) {
    t.throws(() => createAuthenticate({ adminSecret: 'a', jwtSecret: secret, unauthorizedRole: 'b', report }), { message })
  }
})

t.test('the token is read from the configured place only', async (t) => {
  const of = (header: object) => createAuthenticate({
    adminSecret: 'a', jwtSecret: JSON.stringify({ type: 'HS256', key, header }), unauthorizedRole: 'anonymous', report
  }).authenticate
  const jwt = await token({ [namespace]: claims })
  const [cookie, custom] = [of({ type: 'cookie', name: 'jwt' }), of({ type: 'CustomHeader', name: 'X-Token' })]
  t.match(await cookie({ cookie: `a=b; jwt=${jwt}` }), { role: 'user' })
  t.match(await cookie({ cookie: 'a=b', authorization: 'Bearer x' }), { role: 'anonymous' })
  await t.rejects(cookie({ cookie: `jwt=${jwt}; jwt=${jwt}` }), { message: 'Could not verify JWT: Multiple JWTs found' })
  t.match(await custom({ 'x-token': jwt }), { role: 'user' })
  t.match(await custom({ authorization: `Bearer ${jwt}` }), { role: 'anonymous' })
})

t.test('missing or malformed claims at a configured place are refused with Hasura\'s message', async (t) => {
  const roles = { 'x-hasura-allowed-roles': { path: '$.roles' }, 'x-hasura-default-role': { path: '$.role' } }
  const table: Array<[object, object, string, string]> = [
    [{ claims_namespace_path: '$.a.b' }, { a: {} }, 'jwt-invalid-claims', 'claims not found at claims_namespace_path: \'$.a.b\''],
    [{ claims_namespace_path: '$.sub' }, {}, 'jwt-invalid-claims', 'claims not found at claims_namespace_path: \'$.sub\''],
    [{ claims_format: 'stringified_json' }, { [namespace]: claims }, 'jwt-invalid-claims',
      'expecting a string when claims_format is stringified_json'],
    [{ claims_format: 'stringified_json' }, { [namespace]: 'x' }, 'jwt-invalid-claims',
      `expecting stringified json at: 'claims_namespace ${namespace}', but found: x`],
    [{ claims_map: roles }, { role: 'a' }, 'jwt-missing-role-claims', 'JWT claim does not contain x-hasura-allowed-roles'],
    [{ claims_map: { ...roles, 'x-hasura-user-id': { path: '$.id' } } }, { roles: ['a'], role: 'a' }, 'jwt-invalid-claims',
      'JWT claim from claims_map, x-hasura-user-id not found'],
    [{ claims_map: { ...roles, 'x-hasura-user-id': { path: '$.roles[1]' } } }, { roles: ['a'], role: 'a' }, 'jwt-invalid-claims',
      'JWT claim from claims_map, x-hasura-user-id not found'],
    [{ claims_map: { ...roles, 'x-hasura-user-id': { path: '$.iat' } } }, { roles: ['a'], role: 'a', iat: now },
      'jwt-invalid-claims', 'x-hasura-* claims: parsing Text failed, expected String, but encountered Number']
  ]
  for (const [shape, payload, code, message] of table) {
    const { authenticate } = createAuthenticate({
      adminSecret: 'a', jwtSecret: JSON.stringify({ type: 'HS256', key, ...shape }), unauthorizedRole: 'b', report
    })
    const authorization = `Bearer ${await token({ sub: '7', ...payload })}`
    const error = await authenticate({ authorization }).catch((error: unknown) => error)
    t.strictSame(JSON.parse(JSON.stringify(error)), fault(code, message))
  }
})

t.test('the sign of allowed_skew is ignored', async (t) => {
  for (const skew of [30, -30]) {
    const { authenticate } = createAuthenticate({
      adminSecret: 'a', jwtSecret: JSON.stringify({ type: 'HS256', key, allowed_skew: skew }), unauthorizedRole: 'b', report
    })
    t.match(await authenticate({ authorization: `Bearer ${await token({ [namespace]: claims, exp: now - 5 })}` }), { role: 'user' })
  }
})
