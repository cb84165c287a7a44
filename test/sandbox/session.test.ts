import { SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { createAuthenticate } from '../../src/sandbox/session.ts'

const key = 'k'.repeat(64)
const jwtSecret = JSON.stringify({ type: 'HS256', key, audience: ['app'], issuer: 'auth' })
const authenticate = createAuthenticate({ adminSecret: 'secret', jwtSecret, unauthorizedRole: 'anonymous' })
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

t.test('the admin secret comes first, whatever else is sent', async (t) => {
  const bearer = `Bearer ${await token({ [namespace]: claims })}`
  const wrong = fault('access-denied', 'invalid x-hasura-admin-secret/x-hasura-access-key')
  t.strictSame(await answer({ 'x-hasura-admin-secret': 'secret' }), { role: 'admin', variables: { 'x-hasura-role': 'admin' } })
  t.strictSame(await answer({ 'x-hasura-admin-secret': 'secret', 'x-hasura-role': 'user', 'x-hasura-user-id': '1' }),
    { role: 'user', variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': '1' } })
  t.strictSame(await answer({ 'x-hasura-admin-secret': 'no', 'authorization': bearer }), wrong)
  t.strictSame(await answer({ 'x-hasura-access-key': 'no' }), wrong)
})

t.test('the unauthorized get their role, and cannot choose another', async (t) => {
  t.strictSame(await answer({ 'x-hasura-role': 'admin', 'x-hasura-user-id': '1' }),
    { role: 'anonymous', variables: { 'x-hasura-role': 'anonymous', 'x-hasura-user-id': '1' } })
})

t.test('a good token gives its role and its claims as session variables', async (t) => {
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const authorization = `Bearer ${await token({ [namespace]: claims, sub: '7', iat: now, exp: now + 9, aud: 'app' }, { alg })}`
    t.strictSame(await answer({ authorization }),
      { role: 'user', variables: { 'x-hasura-user-id': '7', 'x-hasura-role': 'user' } })
    t.match(await answer({ authorization, 'x-hasura-role': 'editor' }), { role: 'editor' })
    t.strictSame(await answer({ authorization, 'x-hasura-role': 'admin' }),
      fault('access-denied', 'Your requested role is not in allowed roles'))
  }
})

t.test('a bad token is refused with Hasura\'s message', async (t) => {
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
      'invalid x-hasura-default-role; should be a single role name: it is empty')],
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

t.test('a key verifies the algorithms that it is long enough for, whatever its configured type', async (t) => {
  const short = 'k'.repeat(32)
  const verify = createAuthenticate({
    adminSecret: 'a', jwtSecret: JSON.stringify({ type: 'HS256', key: short }), unauthorizedRole: 'b'
  })
  const of = async (alg: string): Promise<string> => `Bearer ${await token({ [namespace]: claims }, { alg, secret: short })}`
  t.match(await verify({ authorization: await of('HS256') }), { role: 'user' })
  for (const alg of ['HS384', 'HS512']) {
    await t.rejects(verify({ authorization: await of(alg) }), { message: /JWSInvalidSignature/ })
  }
})

t.test('a configuration that Hasura does not start with is refused', async (t) => {
  for (const [secret, message] of [
    ['{', 'HASURA_GRAPHQL_JWT_SECRET is not a JSON object'],
    ['{"type":"HS256"}', 'HASURA_GRAPHQL_JWT_SECRET: key and jwk_url both cannot be empty'],
    ['{"type":"HS256","key":"short"}', 'Invalid JWK: Key size too small; should be atleast 32 characters'],
    ['{"type":"PS256","key":"x"}', 'The sandbox supports HS256, HS384 and HS512 in HASURA_GRAPHQL_JWT_SECRET'],
    ['{"jwk_url":"http://a"}', 'The sandbox does not support this "jwk_url" in HASURA_GRAPHQL_JWT_SECRET'],
    ['{"claims_format":"stringified_json"}', 'The sandbox does not support this "claims_format" in HASURA_GRAPHQL_JWT_SECRET'],
    [JSON.stringify({ type: 'HS256', key, allowed_skew: 'x' }),
      'HASURA_GRAPHQL_JWT_SECRET: claims_namespace must be a string, and allowed_skew an integer']
  ] as const) {
    t.throws(() => createAuthenticate({ adminSecret: 'a', jwtSecret: secret, unauthorizedRole: 'b' }), { message })
  }
})
