import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import { decodeJwt, decodeProtectedHeader, importX509, jwtVerify } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/config.ts'
import type { TokenUserFragment } from '../../src/generated/operations.ts'
import type { CustomClaims } from '../../src/jwt/custom-claims.ts'
import { readJwtSecret } from '../../src/jwt/jwt-secret.ts'
import jwt from '../../src/jwt/jwt.ts'
import { parsePrivateKey } from '../../src/jwt/signing-keys.ts'
import { parseJwtConfig } from '../../src/sandbox/auth/jwt-config.ts'
import { createAuthenticate } from '../../src/sandbox/auth/authenticate.ts'
import { certificate, pairFor, privatePem, publicPem } from '../support/key-pairs.ts'
import { temporaryFolder } from '../support/folders.ts'
import { settings } from '../support/service.ts'
import { namespace, orgClaims, roles, shapes, types, userId } from '../support/token-shapes.ts'

type ClaimsOf = (user: TokenUserFragment) => CustomClaims

/** The plugin on a bare Fastify. `claims` is what src/claims.ts returns for every user. */
async function tokens (
  t: Test, secret: string, env: Record<string, string> = {}, claims: CustomClaims | ClaimsOf = {}
) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, {
    env: { ...settings, ...env, HASURA_GRAPHQL_JWT_SECRET: secret },
    parsers: { HASURA_GRAPHQL_JWT_SECRET: readJwtSecret, JWT_PRIVATE_KEY: parsePrivateKey }
  })
  await fastify.register(jwt, { claimsOf: user => typeof claims === 'function' ? claims(user) : claims })
  return fastify.jwt
}

const user: TokenUserFragment = { id: 7, default_role: 'user', disabled_at: null, email_verified_at: null, roles: [{ role: 'editor' }, { role: 'user' }, { role: 'editor' }] }

/** As Hasura sends it if the column of the id has another type. */
function userWith (id: unknown): TokenUserFragment {
  return { ...user, id } as TokenUserFragment
}

const pairs = Object.fromEntries(['RS256', 'ES256', 'ES384', 'ES512', 'Ed25519'].map(type => [type, pairFor(type)]))

/** The settings for a type: Hasura's JSON, and the variables of this service only. */
function sidesOf (type: string): { json: object, env: Record<string, string> } {
  // The key is the UTF-8 bytes of the string, two for each ü. It is not base64.
  if (type.startsWith('HS')) return { json: { type, key: 'ü'.repeat(Number(type.slice(2)) / 16) }, env: {} }
  const pair = pairs[type] ?? pairs['RS256'] ?? pairFor(type)
  return { json: { type, key: publicPem(pair) }, env: { JWT_PRIVATE_KEY: privatePem(pair) } }
}

for (const type of types) {
  t.test(`${type}: Hasura accepts a token of every shape`, async (t) => {
    const { json, env } = sidesOf(type)
    for (const [name, shape] of Object.entries(shapes)) {
      const secret = JSON.stringify({ ...json, ...shape.json })
      const { sign } = await tokens(t, secret, { ...env, ACCESS_TOKEN_TTL_SECONDS: '60' }, orgClaims)
      const token = sign(user)

      const { sub, jti, iat = 0, exp = 0, ...payload } = decodeJwt(token)
      t.strictSame([sub, exp - iat, payload], ['7', 60, shape.token], `${type} × ${name}: the token`)
      t.match(jti, /^[\da-f-]{36}$/)
      const hasura = JSON.stringify({ ...json, ...shape.json, comment: undefined })
      const { authenticate } = createAuthenticate({
        adminSecret: 'a', jwtSecret: hasura, unauthorizedRole: 'anonymous', report: (problem) => { t.fail(problem) }
      })
      const headers = shape.header?.(token) ?? { authorization: `Bearer ${token}` }
      const variables = shape.variables ?? { ...userId, ...orgClaims }
      for (const role of ['user', 'editor']) {
        t.strictSame(await authenticate({ ...headers, 'x-hasura-role': role }),
          { role, variables: { ...variables, 'x-hasura-role': role } }, `${type} × ${name}: ${role}`)
      }
      t.match(await authenticate(headers), { role: 'user' }, `${type} × ${name}: the default role`)
    }
  })
}

t.test('iat is rounded down, no two tokens are equal, and the id may be text', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  const before = Math.floor(Date.now() / 1000)
  const { iat = 0, sub, [namespace]: { 'x-hasura-user-id': id } } = decodeJwt<{ [namespace]: Record<string, string> }>(sign(userWith('a-b')))
  t.ok(iat >= before && iat <= Date.now() / 1000 && Number.isInteger(iat))
  t.strictSame([sub, id], ['a-b', 'a-b'])
  t.not(sign(user), sign(user))
})

t.test('the header has the thumbprint of a key pair as its kid, and no kid for a secret', async (t) => {
  for (const type of types) {
    const { json, env } = sidesOf(type)
    const { sign, publicKeys } = await tokens(t, JSON.stringify(json), env)
    const header = decodeProtectedHeader(sign(user))
    const alg = type === 'Ed25519' ? 'EdDSA' : type
    t.strictSame(header, { alg, typ: 'JWT', ...(publicKeys !== undefined && { kid: publicKeys()[0]?.['kid'] }) })
    t.equal(publicKeys === undefined, type.startsWith('HS'))
  }
})

t.test('keys are read in PKCS#1, SEC 1 and X.509, with \\n for line breaks, and only from the first block', async (t) => {
  const { RS256: rsa = pairFor('RS256'), ES256: ec = pairFor('ES256') } = pairs
  const pkcs1 = { type: 'pkcs1', format: 'pem' } as const
  const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n'
  const table: Array<[string, string, string]> = [
    ['RS256', rsa.publicKey.export(pkcs1).toString(), rsa.privateKey.export(pkcs1).toString()],
    ['ES256', publicPem(ec), parameters + ec.privateKey.export({ type: 'sec1', format: 'pem' }).toString()],
    ['ES256', publicPem(ec), privatePem(ec).replaceAll('\n', '\\n')],
    ['ES256', publicPem(ec) + publicPem(rsa), `ours\n${privatePem(ec)}`],
    ['ES256', publicPem(ec) + privatePem(rsa), privatePem(ec)],
    ['Ed25519', certificate.pem, certificate.privatePem]
  ]
  for (const [type, key, pem] of table) {
    const { sign } = await tokens(t, JSON.stringify({ type, key }), { JWT_PRIVATE_KEY: pem })
    const ed = await importX509(certificate.pem, 'EdDSA')
    t.ok(await jwtVerify(sign(user), { RS256: rsa.publicKey, ES256: ec.publicKey }[type] ?? ed))
  }
})

t.test('with a jwk_url, the type comes from the JSON, or otherwise from the key', async (t) => {
  const table = [
    ['RS256', undefined, 'RS256'], ['RS256', 'RS512', 'RS512'], ['RS256', 'ignored by Hasura', 'RS256'],
    ['ES256', 'HS256', 'ES256'],
    ['ES256', undefined, 'ES256'], ['ES384', undefined, 'ES384'], ['ES512', undefined, 'ES512'], ['Ed25519', undefined, 'EdDSA']
  ] as const
  for (const [pair, type, alg] of table) {
    const secret = JSON.stringify({ type, jwk_url: 'http://auth:3000/.well-known/jwks.json' })
    const { sign, publicKeys } = await tokens(t, secret, sidesOf(pair).env)
    t.equal(decodeProtectedHeader(sign(user)).alg, alg)
    t.match(publicKeys?.(), [{ alg }])
  }
})

const key = 'k'.repeat(64)
const url = 'http://auth:3000/.well-known/jwks.json'
const noUris = [
  'a b: c', ':', '1a:b', 'https://b\u00fccher.example/', 'https://a/%zz', 'https://a/%4', 'a:[', 'https://a/[b]', 'https://a:b/',
  'https://a@b@c/', 'a:b#c#d', 'a:\\b', 'a://[::1'
]
function map (claims: object, others: object = {}): object {
  return { type: 'HS256', key, claims_map: { ...roles, ...claims }, ...others }
}

t.test('a configuration with which Hasura would not start, or would refuse every token, stops the start', async (t) => {
  const { Ed25519: ed = pairFor('Ed25519'), ES256: ec = pairFor('ES256') } = pairs
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const unusable = (key: string): string => `has an unusable "${key}": it must be `
  const noUsable = (claim: string): string => `that fits no user: Hasura finds no usable ${claim}`
  const otherValue = (claim: string): string => `that fits no user: Hasura finds another value for ${claim}`
  const table: Array<[unknown, string]> = [
    ['{"type":', 'is not a JSON object'],
    [['HS256'], 'is not a JSON object'],
    [key, 'is not a JSON object'],
    ['null', 'is not a JSON object'],
    [{ type: 'HS256' }, 'needs either a "key" or a "jwk_url"'],
    [{ type: 'HS256', key: null }, 'needs either a "key" or a "jwk_url"'],
    [{ type: 'HS256', key, jwk_url: url }, 'needs either a "key" or a "jwk_url"'],
    [{ key }, 'needs a "type", one of HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, ES512, Ed25519'],
    ...['HS1024', 'PS256', 'EdDSA', 'toString', 'none', ['HS256']].map((type): [unknown, string] => [{ type, key }, 'needs a "type", one of']),
    [{ type: 'HS256', key: 1 }, 'has an unusable "key": it must be a string'],
    [{ type: 'HS256', key: 'k'.repeat(31) }, 'has a "key" that is too short: HS256 needs at least 32 bytes'],
    [{ type: 'HS384', key: 'k'.repeat(47) }, 'too short: HS384 needs at least 48 bytes'],
    [{ type: 'HS512', key: 'k'.repeat(63) }, 'too short: HS512 needs at least 64 bytes'],
    [{ type: 'RS256', key: 1 }, 'has an unusable "key": it must be a string'],
    [{ type: 'RS256', key }, 'has a "key" that holds no PEM block'],
    [{ type: 'Ed25519', key: privatePem(ed) }, 'has a "key" that holds a private key, which Hasura refuses'],
    [{ type: 'ES256', key: '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n' + publicPem(ec) },
      'has a "key" that holds a PEM block "EC PARAMETERS" that cannot be decoded'],
    [{ type: 'Ed25519', key: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' }, 'that cannot be decoded'],
    [{ type: 'RS256', key: publicPem(ed) }, 'has a "key" that is a key for Ed25519, but type RS256 needs one for RSA'],
    [{ type: 'ES384', key: publicPem(ec) }, 'has a "key" that is a key for P-256, but type ES384 needs one for P-384'],
    [{ type: 'RS256', key: publicPem(small) }, 'has a "key" that is an RSA key of 1024 bits: it needs at least 2048'],
    ...[1, '/.well-known/jwks.json', 'file:///etc/keys', 'http://a:b:c'].map((jwk_url): [unknown, string] => (
      [{ jwk_url }, `${unusable('jwk_url')}a URL with http:// or https://`]
    )),
    [{ type: 'HS256', key, claims_namespace: 1 }, `${unusable('claims_namespace')}a string`],
    [{ type: 'HS256', key, claims_namespace: 'sub' }, 'has a "claims_namespace" inside the registered claim sub'],
    [{ type: 'HS256', key, claims_namespace: 'a', claims_namespace_path: '$' }, 'has both "claims_namespace" and "claims_namespace_path"'],
    ...[1, '', '$.', '$.a b', '$.1', '$[\'a]', '$["\\x"]', '$["\\u12"]', '$["a\nb"]', '$.a]', '$$', '$.a$'].map((path): [unknown, string] => (
      [{ type: 'HS256', key, claims_namespace_path: path }, `${unusable('claims_namespace_path')}a JSONPath such as $, $.a.b or $.a['b%']`]
    )),
    [map({}, { claims_namespace_path: '$.' }), unusable('claims_namespace_path')],
    [{ type: 'HS256', key, claims_namespace_path: '$.a[0]' }, 'has a "claims_namespace_path" into a list'],
    [{ type: 'HS256', key, claims_namespace_path: '$.jti.a' }, 'has a "claims_namespace_path" inside the registered claim jti'],
    [{ type: 'HS256', key, claims_format: 'yaml' }, `${unusable('claims_format')}json or stringified_json`],
    [{ type: 'HS256', key, claims_format: 'stringified_json', claims_namespace_path: '$' }, 'a token is not a string'],
    ...[1, ...noUris].map((issuer): [unknown, string] => (
      [{ type: 'HS256', key, issuer }, `${unusable('issuer')}a string without a colon, or a URI`]
    )),
    ...[[1], 1, 'a b: c', ['a', 'a b: c'], [['a']]].map((audience): [unknown, string] => [{ type: 'HS256', key, audience }, unusable('audience')]),
    ...['"1"', '0.5', '31536001', '-1e16', '1e999'].map((skew): [unknown, string] => (
      [`{"type":"HS256","key":"${key}","allowed_skew":${skew}}`, `${unusable('allowed_skew')}a whole number of seconds, at most a year`]
    )),
    ...['Cookie', { type: 'Query' }, { type: ['Cookie'], name: 'a' }, {}, [], { type: 'Cookie' }, { type: 'CustomHeader', name: 1 }]
      .map((header): [unknown, string] => [{ type: 'HS256', key, header }, unusable('header')]),
    [{ type: 'HS256', key, claims_map: [] }, 'has a "claims_map" that is not an object'],
    [{ type: 'HS256', key, claims_map: 'a' }, 'has a "claims_map" that is not an object'],
    [{ type: 'HS256', key, claims_map: {} }, 'has a "claims_map" without x-hasura-allowed-roles, in lower case'],
    [{ type: 'HS256', key, claims_map: { 'x-hasura-allowed-roles': ['a'], 'X-Hasura-Default-Role': 'a' } },
      'has a "claims_map" without x-hasura-default-role, in lower case'],
    ...['user', [''], { path: '$.a', default: 'user' }, { path: '$.a', default: 0 }].map((value): [unknown, string] => (
      [map({ 'x-hasura-allowed-roles': value }), 'with an unusable x-hasura-allowed-roles: it must be a list of roles']
    )),
    [map({ 'x-hasura-default-role': '' }), 'with an unusable x-hasura-default-role: it must be a string, or an object with a "path"'],
    ...[7, null, ['7'], { path: '$.id', default: 7 }].map((value): [unknown, string] => (
      [map({ 'x-hasura-user-id': value }), 'with an unusable x-hasura-user-id: it must be a string, or an object with a "path"']
    )),
    [map({ 'x-hasura-user-id': {} }), 'with an unusable "path" for x-hasura-user-id'],
    ...['$[0]', '$', '$.iss', '$.iat', '$.sub.id', '$.roles.id', '$.role.id'].map((path): [unknown, string] => (
      [map({ 'x-hasura-user-id': { path } }), noUsable('x-hasura-user-id')]
    )),
    ...[{ path: '$.jti' }, { path: '$.role' }, { path: '$.sub.id', default: '1' }].map((value): [unknown, string] => (
      [map({ 'x-hasura-user-id': value }), otherValue('x-hasura-user-id')]
    )),
    [map({ 'x-hasura-default-role': { path: '$.sub' } }), otherValue('x-hasura-default-role')],
    [map({ 'x-hasura-allowed-roles': { path: '$.aud' } }, { audience: ['a'] }), otherValue('x-hasura-allowed-roles')],
    [map({ 'x-hasura-at': { path: '$.iat' } }), noUsable('x-hasura-at')],
    [map({ 'x-hasura-at': { path: '$.iat', default: '' } }), noUsable('x-hasura-at')],
    [map({ 'x-hasura-by': { path: '$.iss' } }), noUsable('x-hasura-by')],
    [map({ 'x-hasura-from': { path: '$.nbf' } }), noUsable('x-hasura-from')],
    [map({ 'x-hasura-for': { path: '$.aud' } }, { audience: ['a'] }), noUsable('x-hasura-for')],
    [map({ 'x-hasura-org-id': { path: '$.roles', default: '' } }), noUsable('x-hasura-org-id')],
    [map({ 'x-hasura-org-id': { path: '$.roles.org', default: '' } }), otherValue('x-hasura-org-id')],
    [map({ 'x-hasura-a': { path: '$.a', default: '' }, 'x-hasura-b': { path: '$.a', default: '' } }), otherValue('x-hasura-b')],
    [map({ 'x-hasura-a': { path: '$.a.b' }, 'x-hasura-b': { path: '$.a' } }), noUsable('x-hasura-b')],
    [map({ 'x-hasura-a': { path: '$.a' }, 'x-hasura-b': { path: '$.a.b' } }), noUsable('x-hasura-b')],
    ...['$.roles[1]', '$.roles[0][0]', '$.other[0]', '$.roles'].map((path): [unknown, string] => (
      [map({ 'x-hasura-default-role': { path } }), noUsable('x-hasura-default-role')]
    )),
    [map({ 'x-hasura-default-role': { path: '$.other[0]', default: 'user' } }), otherValue('x-hasura-default-role')],
    [map({ 'x-hasura-org-id': { path: '$.roles[1]', default: '' } }), otherValue('x-hasura-org-id')],
    [map({ 'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': { path: '$.roles[0]' } }), noUsable('x-hasura-default-role')],
    [map({ 'x-hasura-allowed-roles': [] }), 'that fits no user: Hasura finds an x-hasura-default-role'],
    [map({ 'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': 'editor' }),
      'that fits no user: Hasura finds an x-hasura-default-role by its "claims_map" that is not among the x-hasura-allowed-roles'],
    ...[['user', 'admin'], ['admin']].map((allowed): [unknown, string] => (
      [map({ 'x-hasura-allowed-roles': allowed }), 'with the role admin as a literal']
    )),
    [map({ 'x-hasura-default-role': 'admin' }), 'with the role admin as a literal'],
    [map({ 'X-Hasura-User-Id': '7' }), otherValue('x-hasura-user-id')],
    [map({ 'X-Hasura-Allowed-Roles': ['user'] }), 'with two spellings of one claim'],
    [map({ 'x-hasura-user-id': { path: '$.sub' }, 'X-HASURA-user-id': { path: '$.id' } }), 'with two spellings of one claim'],
    [map({ org: { path: '$.org' } }), noUsable('org')]
  ]
  for (const [secret, problem] of table) {
    const json = typeof secret === 'string' ? secret : JSON.stringify(secret)
    const error = await tokens(t, json).then(() => undefined, (error: unknown) => error as Error)
    t.equal(error?.name, 'ConfigError', json)
    t.match(error?.message, problem)
    t.match(error?.message, /^HASURA_GRAPHQL_JWT_SECRET [^\n]*$/)
    t.notMatch(error?.message, /kkkk|MII|MC4/, 'no key is printed')
  }
})

t.test('this service and the sandbox accept the same issuers', async (t) => {
  const uris = ['a:', 'urn:a:b', 'https://a.test', 'https://u:p@a.test:8080/b/%20c?d=/e#f?g', 'https://[::1]:1/', 'a:b@c/(d);e']
  for (const issuer of [...uris, ...noUris]) {
    const json = JSON.stringify({ type: 'HS256', key, issuer })
    const isUri = uris.includes(issuer)
    await (isUri ? t.resolves(tokens(t, json), issuer) : t.rejects(tokens(t, json), issuer))
    const read = (): unknown => parseJwtConfig(json)
    if (isUri) t.doesNotThrow(read, issuer)
    else t.throws(read, issuer)
  }
})

t.test('a login fails if Hasura would read another claim than the user should have', async (t) => {
  const other = (claim: string): string => `Hasura finds another value for ${claim} by its "claims_map" than this service issues`
  const noRole = 'Hasura finds an x-hasura-default-role by its "claims_map" that is not among the x-hasura-allowed-roles'
  const table: Array<[claimsMap: object, claims: CustomClaims, message: string | undefined]> = [
    [{ 'x-hasura-org-id': { path: '$.org' } }, {}, 'Hasura finds no usable x-hasura-org-id by its "claims_map"'],
    [{ 'x-hasura-org-id': { path: '$.org' } }, { 'x-hasura-org-id': 3 }, undefined],
    [{ 'x-hasura-me': { path: '$.sub' } }, {}, undefined],
    [{ 'x-hasura-me': { path: '$.sub' } }, { 'x-hasura-me': 7 }, undefined],
    [{ 'x-hasura-me': { path: '$.sub' } }, { 'x-hasura-me': 8 }, other('x-hasura-me')],
    [{ 'x-hasura-jti': { path: '$.jti' } }, { 'x-hasura-jti': 8 }, other('x-hasura-jti')],
    [{ 'x-hasura-by': { path: '$.iss', default: 'us' } }, { 'x-hasura-by': 'us' }, undefined],
    [{ 'x-hasura-by': { path: '$.iss', default: 'us' } }, { 'x-hasura-by': 'them' }, other('x-hasura-by')],
    [{ 'x-hasura-me': { path: '$.role' } }, { 'x-hasura-me': 'user' }, undefined],
    [{ 'x-hasura-me': { path: '$.role' } }, { 'x-hasura-me': 'editor' }, other('x-hasura-me')],
    [{ 'x-hasura-me': { path: '$.roles[0]' } }, { 'x-hasura-me': 'editor' }, other('x-hasura-me')],
    [{ 'x-hasura-app': 'shop' }, { 'x-hasura-app': 'shop' }, undefined],
    [{ 'x-hasura-app': 'shop' }, { 'x-hasura-app': 'other' }, other('x-hasura-app')],
    [{ 'x-hasura-default-role': 'editor' }, {}, undefined],
    [{ 'x-hasura-default-role': 'guest' }, {}, noRole],
    [{ 'x-hasura-allowed-roles': ['editor'] }, {}, noRole]
  ]
  for (const [claimsMap, claims, message] of table) {
    const { sign } = await tokens(t, JSON.stringify(map(claimsMap)), {}, claims)
    const signed = (): string => sign(user)
    if (message === undefined) t.doesNotThrow(signed, JSON.stringify(claimsMap))
    else t.throws(signed, { message }, JSON.stringify(claimsMap))
  }
})

/** Undefined if the start or the login fails. */
function issue (json: string, claims: Record<string, string>): string | undefined {
  try {
    const payload = readJwtSecret(json, {}).toPayload({ sub: '7', jti: 'a' }, {
      ...claims, 'x-hasura-allowed-roles': ['user', 'editor'], 'x-hasura-default-role': 'user', 'x-hasura-user-id': '7'
    })
    return createSigner({ key, algorithm: 'HS256', expiresIn: 60_000 })(payload)
  } catch {
    return undefined
  }
}

t.test('with any "claims_map", Hasura reads the claims of the user from every token that is issued', async (t) => {
  const path = fc.constantFrom(
    '$', '$.sub', '$.jti', '$.iat', '$.iss', '$.role', '$.roles', '$.roles[0]', '$.roles[1]', '$.a', '$.a.b', '$.a[0]', '$.b', '$[\'c\']'
  )
  const text = fc.constantFrom('user', 'editor', '7', '')
  const entry = (constant: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.oneof(
    constant, fc.record({ path }), fc.record({ path, default: constant })
  )
  const claimsMap = fc.record({
    'x-hasura-allowed-roles': fc.oneof({ weight: 3, arbitrary: fc.constant({ path: '$.roles' }) }, entry(fc.array(text, { maxLength: 2 }))),
    'x-hasura-default-role': fc.oneof({ weight: 3, arbitrary: fc.constant({ path: '$.role' }) }, entry(text)),
    'x-hasura-user-id': fc.oneof({ weight: 3, arbitrary: fc.constantFrom({ path: '$.sub' }, { path: '$.b' }) }, entry(text)),
    'x-hasura-org': entry(text),
    'x-hasura-me': entry(text)
  }, { requiredKeys: ['x-hasura-allowed-roles', 'x-hasura-default-role'] })
  const given = fc.record({ 'x-hasura-org': text, 'x-hasura-me': text }, { requiredKeys: [] })
  let tokensRead = 0
  await fc.assert(fc.asyncProperty(claimsMap, given, async (claims_map, claims) => {
    const json = JSON.stringify({ type: 'HS256', key, issuer: 'us', claims_map })
    const token = issue(json, claims)
    if (token === undefined) return
    tokensRead++
    const { authenticate } = createAuthenticate({
      adminSecret: 'a', jwtSecret: json, unauthorizedRole: 'anonymous', report: (problem) => { throw new Error(problem) }
    })
    const answer = await authenticate({ authorization: `Bearer ${token}` })
    if (!('variables' in answer)) throw new Error(JSON.stringify(answer))
    const { variables } = answer
    const expected = { ...claims_map['x-hasura-user-id'] !== undefined && userId, ...claims }
    for (const [name, value] of Object.entries(expected)) {
      if (name in claims_map && variables[name] !== value) throw new Error(`${name} is ${String(variables[name])}`)
    }
  }), { numRuns: 500 })
  t.ok(tokensRead > 10, `${tokensRead} tokens`)
})

t.test('with sessions, a "claims_map" must have the claim that names the session', async (t) => {
  const TOKEN_SECRET = 'a-token-secret-of-at-least-32-characters'
  const missing = 'HASURA_GRAPHQL_JWT_SECRET has a "claims_map" without x-hasura-session-id, which TOKEN_SECRET needs'
  await t.rejects(tokens(t, JSON.stringify(map({})), { TOKEN_SECRET }), { message: missing })
  await tokens(t, JSON.stringify(map({})))
  for (const name of ['x-hasura-session-id', 'X-Hasura-Session-Id']) {
    const { sign } = await tokens(t, JSON.stringify(map({ [name]: { path: '$.session' } })), { TOKEN_SECRET })
    t.match(decodeJwt(sign(user, 'a-session')), { session: 'a-session' })
  }
})

t.test('UNVERIFIED_ROLE replaces all roles of an unverified user, also for custom claims', async (t) => {
  const json = JSON.stringify({ type: 'HS256', key: 'a'.repeat(32) })
  const mail = { TOKEN_SECRET: 'b'.repeat(32), SMTP_URL: 'smtp://mail.test', MAIL_FROM: 'a@b.test', APP_URL: 'https://app.test' }
  const claims = ({ default_role: role, roles }: TokenUserFragment) => ({ 'x-hasura-seen': `${role}, ${roles.length} more` })
  const verified = { ...user, email_verified_at: '2026-01-01T00:00:00+00:00' }
  const table: Array<[Record<string, string>, TokenUserFragment, string[], string]> = [
    [{ ...mail, UNVERIFIED_ROLE: 'guest' }, user, ['guest'], 'guest, 0 more'],
    [{ ...mail, UNVERIFIED_ROLE: 'guest' }, verified, ['user', 'editor'], 'user, 3 more'],
    [mail, user, ['user', 'editor'], 'user, 3 more']
  ]
  for (const [env, row, allowed, seen] of table) {
    const { sign } = await tokens(t, json, env, claims)
    t.match(decodeJwt(sign(row))['https://hasura.io/jwt/claims'], {
      'x-hasura-allowed-roles': allowed, 'x-hasura-default-role': allowed[0], 'x-hasura-seen': seen
    })
  }
})

t.test('the names of a "claims_map" do not reach the prototype of an object', async (t) => {
  const json = JSON.stringify(map({ 'constructor': 'a', 'tostring': 'b', '#': { path: '$.p', default: 'c' } }))
  const { sign } = await tokens(t, json.replace('#', '__proto__'))
  t.notHas(decodeJwt(sign(user)), { p: {} })
})

t.test('an id that Hasura refuses as a subject gets no token', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  for (const id of ['a b', 'Zoë', 'urn:a:b', 'https://a.test/7']) t.equal(decodeJwt(sign(userWith(id))).sub, id)
  for (const id of [...noUris, '1:2', 'team:Zoë']) {
    t.throws(() => sign(userWith(id)), {
      message: 'The user\'s id has a colon and is not a URI: Hasura refuses such a "sub"'
    }, id)
  }
})

t.test('an id that JSON.parse has rounded gets no token', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  t.equal(decodeJwt(sign(userWith(2 ** 53 - 1))).sub, '9007199254740991')
  t.equal(decodeJwt(sign(userWith('9007199254740993'))).sub, '9007199254740993')
  t.throws(() => sign(userWith(JSON.parse('9007199254740993'))), {
    message: 'The user\'s id is a number beyond 2^53, which JSON does not carry exactly: set HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true, '
      + 'so that Hasura sends it as text'
  })
})

t.test('a private key that is unusable, or does not belong to the public key, stops the start', async (t) => {
  const other = pairFor('ES256')
  const { json: es256, env } = sidesOf('ES256')
  const secret = { jwk_url: url }
  const encrypt = { cipher: 'aes-256-cbc', passphrase: 'p' } as const
  const { privateKey: rsa } = pairs['RS256'] ?? pairFor('RS256')
  const table: Array<[object, Record<string, string>, RegExp]> = [
    [es256, {}, /^JWT_PRIVATE_KEY is missing: .*; set it, or JWT_PRIVATE_KEY_FILE$/],
    [secret, {}, /^JWT_PRIVATE_KEY is missing: .*; set it, or JWT_PRIVATE_KEY_FILE$/],
    [es256, { ...env, JWT_PRIVATE_KEY_FILE: 'a' }, /^JWT_PRIVATE_KEY_FILE and JWT_PRIVATE_KEY are both set/],
    [{ type: 'HS256', key }, env,
      /^JWT_PRIVATE_KEY is set, but type HS256 in HASURA_GRAPHQL_JWT_SECRET signs with its own "key"$/],
    [{ type: 'HS256', key }, { JWT_PRIVATE_KEY_FILE: 'a' }, /^JWT_PRIVATE_KEY_FILE is set, but/],
    [es256, { JWT_PRIVATE_KEY: privatePem(other) },
      /^JWT_PRIVATE_KEY holds a private key that does not belong to the public key in HASURA_GRAPHQL_JWT_SECRET$/],
    [es256, sidesOf('ES384').env,
      /^JWT_PRIVATE_KEY holds a private key that is a key for P-384, but type ES256 needs one for P-256$/],
    [{ ...secret, type: 'RS256' }, env,
      /^JWT_PRIVATE_KEY holds a private key that is a key for P-256, but type RS256 needs one for RSA$/],
    [secret, { JWT_PRIVATE_KEY: publicPem(other) }, /^JWT_PRIVATE_KEY holds no private key/],
    [secret, { JWT_PRIVATE_KEY: 'hunter2' }, /^JWT_PRIVATE_KEY holds no private key/],
    [secret, { JWT_PRIVATE_KEY: privatePem(other) + privatePem(other) },
      /^JWT_PRIVATE_KEY holds more than one private key/],
    [secret, { JWT_PRIVATE_KEY: privatePem(other).slice(0, 60) + '\n-----END PRIVATE KEY-----' },
      /^JWT_PRIVATE_KEY holds a PEM block "PRIVATE KEY" that cannot be decoded$/],
    [secret, { JWT_PRIVATE_KEY: other.privateKey.export({ type: 'pkcs8', format: 'pem', ...encrypt }).toString() },
      /^JWT_PRIVATE_KEY holds an encrypted private key/],
    [secret, { JWT_PRIVATE_KEY: rsa.export({ type: 'pkcs1', format: 'pem', ...encrypt }).toString() },
      /^JWT_PRIVATE_KEY holds an encrypted private key/],
    [secret, { JWT_PRIVATE_KEY: '-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----' },
      /^JWT_PRIVATE_KEY holds a PEM block "OPENSSH PRIVATE KEY"/],
    [secret, { JWT_PRIVATE_KEY: privatePem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })) },
      /is a key for secp256k1, for which Hasura has no type$/],
    [secret, { JWT_PRIVATE_KEY: privatePem(generateKeyPairSync('ed448')) },
      /is a key for ed448, for which Hasura has no type$/],
    [secret, { JWT_PRIVATE_KEY: privatePem(generateKeyPairSync('rsa', { modulusLength: 1024 })) },
      /is an RSA key of 1024 bits: it needs at least 2048$/],
    [secret, { JWT_PRIVATE_KEY_FILE: '/nowhere/key.pem' },
      /^JWT_PRIVATE_KEY_FILE cannot be read: ENOENT$/]
  ]
  for (const [secret, env, message] of table) {
    const error = await tokens(t, JSON.stringify(secret), env).then(() => undefined, (error: unknown) => error as Error)
    t.equal(error?.name, 'ConfigError', String(message))
    t.match(error?.message, message)
    t.notMatch(error?.message, /\n|MI[IGH]|MC4|hunter2/, 'no key is printed')
  }
})

t.test('a private key file with the public key of another pair stops the start', async (t) => {
  const [own, other] = [pairFor('ES256'), pairFor('ES256')]
  // RFC 5915: 7 bytes, 32 bytes of the private key, and at the end the public key, which OpenSSL does not derive again.
  const der = other.privateKey.export({ type: 'sec1', format: 'der' })
  der.set(Buffer.from(own.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'), 7)
  const pem = `-----BEGIN EC PRIVATE KEY-----\n${der.toString('base64')}\n-----END EC PRIVATE KEY-----`
  for (const secret of [{ type: 'ES256', key: publicPem(other) }, { jwk_url: url }]) {
    await t.rejects(tokens(t, JSON.stringify(secret), { JWT_PRIVATE_KEY: pem }), {
      name: 'ConfigError',
      message: 'JWT_PRIVATE_KEY holds a private key whose signature its own public key does not accept'
    })
  }
})

t.test('a folder with unusable or ambiguous keys stops the start', async (t) => {
  const [a, b] = [privatePem(pairFor('ES256')), privatePem(pairFor('ES256'))]
  const table: Array<[Record<string, string>, RegExp]> = [
    [{}, /^JWT_PRIVATE_KEY_FILE names a folder without a file whose name ends in \.pem$/],
    [{ 'a.key': a, '.b.pem': b }, /^JWT_PRIVATE_KEY_FILE names a folder without a file/],
    [{ 'a.pem': a, 'b.pem': b }, /names a folder with two keys that sign from the beginning/],
    [{ 'a.pem': a, '2020-01-01T00-00-00Z.pem': a }, /names a folder in which two files hold the same key$/],
    [{ '2020-13-01T00-00-00Z.pem': a }, /names a folder with 2020-13-01T00-00-00Z\.pem, which starts with a digit, but is not a time as in 1970-01-01T00-00-00Z\.pem, in UTC$/],
    [{ '2020-02-30T00-00-00Z.pem': a }, /names a folder with 2020-02-30T00-00-00Z\.pem, which starts with a digit, but is not a time as in 1970-01-01T00-00-00Z\.pem, in UTC$/],
    [{ '2020-01-01.pem': a }, /names a folder with 2020-01-01\.pem, which starts with a digit, but is not a time as in 1970-01-01T00-00-00Z\.pem, in UTC$/],
    [{ '2999-01-01T00-00-00Z.pem': a }, /names a folder in which every key signs later: one must sign now$/],
    [{ 'a.pem': a, '2999-01-01T00-00-00Z.pem': 'hunter2' }, /names a folder with 2999-01-01T00-00-00Z\.pem, which holds no private key/]
  ]
  for (const [files, message] of table) {
    const folder = temporaryFolder(t)
    for (const [name, pem] of Object.entries(files)) writeFileSync(join(folder, name), pem)
    const error = await tokens(t, JSON.stringify({ jwk_url: url }), { JWT_PRIVATE_KEY_FILE: folder })
      .then(() => undefined, (error: unknown) => error as Error)
    t.equal(error?.name, 'ConfigError', String(message))
    t.match(error?.message, message)
    t.notMatch(error?.message, /\n|hunter2/)
  }
})
