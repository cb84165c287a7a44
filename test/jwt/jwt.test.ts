import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import { decodeJwt, decodeProtectedHeader, importX509, jwtVerify } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { claimsOf } from '../../src/claims.ts'
import config from '../../src/config.ts'
import jwt from '../../src/jwt/jwt.ts'
import { parseJwtConfig } from '../../src/sandbox/auth/jwt-config.ts'
import { createAuthenticate } from '../../src/sandbox/auth/authenticate.ts'
import { certificate, pairFor, privatePem, publicPem } from '../support/key-pairs.ts'
import { temporaryFolder } from '../support/folders.ts'
import { settings } from '../support/service.ts'
import { namespace, orgClaims, roles, shapes, types, userId } from '../support/token-shapes.ts'

async function tokens (t: Test, secret: string, env: Record<string, string> = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, ...env, HASURA_GRAPHQL_JWT_SECRET: secret } })
  await fastify.register(jwt, { claimsOf })
  return fastify.jwt
}

const user = { id: 7, defaultRole: 'user', roles: ['editor', 'user', 'editor'], claims: {} }
const pairs = Object.fromEntries(['RS256', 'ES256', 'ES384', 'ES512', 'Ed25519'].map(type => [type, pairFor(type)]))

/** Both sides' settings for a type: what goes into Hasura's JSON, and what only this service has. */
function sidesOf (type: string): { json: object, env: Record<string, string> } {
  // The key is the bytes of the string: umlauts are two, and nothing is decoded from base64.
  if (type.startsWith('HS')) return { json: { type, key: 'ü'.repeat(Number(type.slice(2)) / 16) }, env: {} }
  const pair = pairs[type] ?? pairs['RS256'] ?? pairFor(type)
  return { json: { type, key: publicPem(pair) }, env: { JWT_PRIVATE_KEY: privatePem(pair) } }
}

for (const type of types) {
  t.test(`${type}: a token of every shape is what Hasura wants to read`, async (t) => {
    const { json, env } = sidesOf(type)
    for (const [name, shape] of Object.entries(shapes)) {
      const secret = JSON.stringify({ ...json, ...shape.json })
      const { sign } = await tokens(t, secret, { ...env, ACCESS_TOKEN_TTL_SECONDS: '60' })
      const token = sign({ ...user, claims: orgClaims })

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

t.test('further claims stand beside the three that they cannot replace', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  const claims = {
    'x-hasura-org-id': '3', 'x-hasura-user-id': '1', 'x-hasura-default-role': 'admin', 'x-hasura-allowed-roles': 'admin'
  }
  t.strictSame(decodeJwt(sign({ ...user, claims }))['https://hasura.io/jwt/claims'], {
    'x-hasura-org-id': '3',
    'x-hasura-user-id': '7',
    'x-hasura-default-role': 'user',
    'x-hasura-allowed-roles': ['user', 'editor']
  })
})

t.test('iat is rounded down, no two tokens are the same, and the id may be text', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  const before = Math.floor(Date.now() / 1000)
  const { iat = 0, sub, [namespace]: { 'x-hasura-user-id': id } } = decodeJwt<{ [namespace]: Record<string, string> }>(sign({ ...user, id: 'a-b' }))
  t.ok(iat >= before && iat <= Date.now() / 1000 && Number.isInteger(iat))
  t.strictSame([sub, id], ['a-b', 'a-b'])
  t.not(sign(user), sign(user))
})

t.test('the header names the key of a pair by its thumbprint, and a secret not at all', async (t) => {
  for (const type of types) {
    const { json, env } = sidesOf(type)
    const { sign, publicKeys } = await tokens(t, JSON.stringify(json), env)
    const header = decodeProtectedHeader(sign(user))
    const alg = type === 'Ed25519' ? 'EdDSA' : type
    t.strictSame(header, { alg, typ: 'JWT', ...(publicKeys !== undefined && { kid: publicKeys()[0]?.['kid'] }) })
    t.equal(publicKeys === undefined, type.startsWith('HS'))
  }
})

t.test('every spelling of a key is read: PKCS#1, SEC 1, X.509, \\n for line breaks, and the first block alone', async (t) => {
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

t.test('beside a jwk_url the type is the key\'s own, or the one that is named', async (t) => {
  const table = [
    ['RS256', undefined, 'RS256'], ['RS256', 'RS512', 'RS512'], ['RS256', 'what Hasura does not look at', 'RS256'],
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
const map = (claims: object): object => ({ type: 'HS256', key, claims_map: { ...roles, ...claims } })

t.test('what Hasura refuses, or would refuse every token of, stops the start', async (t) => {
  const { Ed25519: ed = pairFor('Ed25519'), ES256: ec = pairFor('ES256') } = pairs
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const table: Array<[unknown, string]> = [
    ['{"type":', 'is not a JSON object'],
    [['HS256'], 'is not a JSON object'],
    [key, 'is not a JSON object'],
    ['null', 'is not a JSON object'],
    [{ type: 'HS256' }, 'has neither "key" nor "jwk_url"'],
    [{ type: 'HS256', key: null }, 'has neither "key" nor "jwk_url"'],
    [{ type: 'HS256', key, jwk_url: url }, 'has both "key" and "jwk_url"'],
    [{ key }, 'has no "type": use one of HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, ES512, Ed25519'],
    [{ type: 'HS1024', key }, 'has a "type" that Hasura does not know'],
    [{ type: 'PS256', key }, 'has a "type" that Hasura does not know'],
    [{ type: 'EdDSA', key }, 'has a "type" that Hasura does not know'],
    [{ type: 'toString', key }, 'has a "type" that Hasura does not know'],
    [{ type: 'none', key }, 'has a "type" that Hasura does not know'],
    [{ type: ['HS256'], key }, 'has a "type" that Hasura does not know'],
    [{ type: 'HS256', key: 1 }, 'has no "key" that is a string of at least 32 bytes'],
    [{ type: 'HS256', key: 'k'.repeat(31) }, 'has a "key" that is too short: HS256 needs at least 32 bytes'],
    [{ type: 'HS384', key: 'k'.repeat(47) }, 'too short: HS384 needs at least 48 bytes'],
    [{ type: 'HS512', key: 'k'.repeat(63) }, 'too short: HS512 needs at least 64 bytes'],
    [{ type: 'RS256', key: 1 }, 'has a "key" that is not a string'],
    [{ type: 'RS256', key }, 'has a "key" that holds no PEM block'],
    [{ type: 'Ed25519', key: privatePem(ed) }, 'has a "key" that holds a private key, which Hasura refuses'],
    [{ type: 'ES256', key: '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n' + publicPem(ec) },
      'has a "key" that begins with a PEM block "EC PARAMETERS"'],
    [{ type: 'Ed25519', key: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' }, 'that cannot be decoded'],
    [{ type: 'RS256', key: publicPem(ed) }, 'has a "key" that is a key for Ed25519, where type RS256 needs one for RSA'],
    [{ type: 'ES384', key: publicPem(ec) }, 'has a "key" that is a key for P-256, where type ES384 needs one for P-384'],
    [{ type: 'RS256', key: publicPem(small) }, 'has a "key" that is an RSA key of 1024 bits: at least 2048 are needed'],
    [{ jwk_url: 1 }, 'has a "jwk_url" that is not a URL'],
    [{ jwk_url: '/.well-known/jwks.json' }, 'has a "jwk_url" that is not a URL'],
    [{ jwk_url: 'file:///etc/keys' }, 'has a "jwk_url" that is not a URL'],
    [{ jwk_url: 'http://a:b:c' }, 'has a "jwk_url" that is not a URL'],
    [{ type: 'HS256', key, claims_namespace: 1 }, 'has a "claims_namespace" that is not a string'],
    [{ type: 'HS256', key, claims_namespace: 'sub' }, 'has a "claims_namespace" inside of the registered claim sub'],
    [{ type: 'HS256', key, claims_namespace: 'a', claims_namespace_path: '$' }, 'has both "claims_namespace" and "claims_namespace_path"'],
    ...[1, '', '$.', '$.a b', '$.1', '$[\'a]', '$["\\x"]', '$.a]'].map((claims_namespace_path): [unknown, string] => (
      [{ type: 'HS256', key, claims_namespace_path }, 'has a "claims_namespace_path" that is not a JSONPath: use $, $.a.b or $.a[\'b%\']']
    )),
    [{ type: 'HS256', key, claims_namespace_path: '$.a[0]' }, 'has a "claims_namespace_path" into a list'],
    [{ type: 'HS256', key, claims_namespace_path: '$.jti.a' }, 'has a "claims_namespace_path" inside of the registered claim jti'],
    [{ type: 'HS256', key, claims_format: 'yaml' }, 'has a "claims_format" that is neither json nor stringified_json'],
    [{ type: 'HS256', key, claims_format: 'stringified_json', claims_namespace_path: '$' }, 'a token as a whole is no string'],
    [{ type: 'HS256', key, issuer: 1 }, 'has an "issuer" that is neither'],
    ...noUris.map((issuer): [unknown, string] => [{ type: 'HS256', key, issuer }, 'has an "issuer" that is neither']),
    [{ type: 'HS256', key, audience: [1] }, 'has an "audience" that is not a string or a list of them'],
    [{ type: 'HS256', key, audience: 1 }, 'has an "audience" that is not a string or a list of them'],
    [{ type: 'HS256', key, audience: 'a b: c' }, 'has an "audience" that is not a string or a list of them'],
    ...['1', 0.5, 31_536_001, -1e16, Infinity].map((allowed_skew): [unknown, string] => (
      [`{"type":"HS256","key":"${key}","allowed_skew":${allowed_skew === Infinity ? '1e999' : JSON.stringify(allowed_skew)}}`,
        'has an "allowed_skew" that is not a whole number of seconds']
    )),
    ...['Cookie', { type: 'Query' }, { type: ['Cookie'], name: 'a' }, {}, []].map((header): [unknown, string] => (
      [{ type: 'HS256', key, header }, 'has a "header" that is not an object whose "type" is Authorization, Cookie or CustomHeader']
    )),
    [{ type: 'HS256', key, header: { type: 'Cookie' } }, 'has a "header" without the "name" of the cookie or header'],
    [{ type: 'HS256', key, claims_map: [] }, 'has a "claims_map" that is not an object'],
    [{ type: 'HS256', key, claims_map: 'a' }, 'has a "claims_map" that is not an object'],
    [{ type: 'HS256', key, claims_map: {} }, 'has a "claims_map" without x-hasura-allowed-roles'],
    [{ type: 'HS256', key, claims_map: { 'x-hasura-allowed-roles': ['a'], 'X-Hasura-Default-Role': 'a' } },
      'has a "claims_map" without x-hasura-default-role'],
    [map({ 'x-hasura-allowed-roles': 'user' }), 'has in "claims_map" a x-hasura-allowed-roles that is not a list of roles'],
    [map({ 'x-hasura-allowed-roles': [''] }), 'has in "claims_map" a x-hasura-allowed-roles that is not a list of roles'],
    [map({ 'x-hasura-allowed-roles': { path: '$.a', default: 'user' } }), 'x-hasura-allowed-roles that is not a list of roles'],
    [map({ 'x-hasura-default-role': '' }), 'x-hasura-default-role that is neither a string nor an object with a "path"'],
    [map({ 'x-hasura-user-id': 7 }), 'x-hasura-user-id that is neither a string nor an object with a "path"'],
    [map({ 'x-hasura-user-id': null }), 'x-hasura-user-id that is neither a string nor an object with a "path"'],
    [map({ 'x-hasura-user-id': {} }), 'has a path of x-hasura-user-id in "claims_map" that is not a JSONPath'],
    [map({ 'x-hasura-user-id': { path: '$[0]' } }), 'has a path of x-hasura-user-id in "claims_map" into a list'],
    [map({ 'x-hasura-user-id': { path: '$' } }), 'has the path $ for x-hasura-user-id in "claims_map": a token as a whole is no claim'],
    [map({ 'x-hasura-user-id': { path: '$.iat' } }), 'a path to the registered claim iat, which is not the user\'s id: use $.sub'],
    [map({ 'x-hasura-user-id': { path: '$.sub.id' } }), 'a path to the registered claim sub and further: there is nothing in it'],
    [map({ 'x-hasura-default-role': { path: '$.sub' } }), 'a path to the registered claim sub, which holds no role'],
    [map({ 'x-hasura-allowed-roles': { path: '$.aud' } }), 'a path to the registered claim aud, which holds no role'],
    [map({ 'x-hasura-at': { path: '$.iat' } }), 'a path to the registered claim iat, which is no string in this token'],
    [map({ 'x-hasura-by': { path: '$.iss' } }), 'a path to the registered claim iss, which is no string in this token'],
    [{ ...map({ 'x-hasura-for': { path: '$.aud' } }), audience: ['a'] }, 'a path to the registered claim aud, which is no string'],
    [map({ 'x-hasura-user-id': { path: '$.role' } }), 'paths for x-hasura-default-role and x-hasura-user-id that cannot both hold their own value'],
    [map({ 'x-hasura-user-id': { path: '$.roles.id' } }), 'paths for x-hasura-allowed-roles and x-hasura-user-id that cannot both'],
    [map({ 'x-hasura-org-id': { path: '$.roles', default: '' } }), 'paths for x-hasura-allowed-roles and x-hasura-org-id that cannot both'],
    [map({ 'x-hasura-a': { path: '$.a', default: '' }, 'x-hasura-b': { path: '$.a', default: '' } }), 'paths for x-hasura-a and x-hasura-b that'],
    ...['$.roles[1]', '$.roles[0][0]', '$.other[0]', '$.roles'].map((path): [unknown, string] => (
      [map({ 'x-hasura-default-role': { path } }), path === '$.roles' ? 'cannot both hold' : 'path of x-hasura-default-role in "claims_map" into a list']
    )),
    [map({ 'x-hasura-org-id': { path: '$.roles[0]', default: '' } }), 'has a path of x-hasura-org-id in "claims_map" into a list'],
    [map({ 'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': { path: '$.roles[0]' } }), 'default-role in "claims_map" into a list'],
    [map({ 'x-hasura-allowed-roles': [] }), 'has in "claims_map" an empty list of x-hasura-allowed-roles: every request would be refused'],
    [map({ 'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': 'editor' }),
      'has in "claims_map" a x-hasura-default-role that is not among its x-hasura-allowed-roles'],
    ...[['user', 'admin'], ['admin']].map((allowed): [unknown, string] => (
      [map({ 'x-hasura-allowed-roles': allowed }), 'has in "claims_map" the role admin as a literal']
    )),
    [map({ 'x-hasura-default-role': 'admin' }), 'has in "claims_map" the role admin as a literal'],
    [map({ 'X-Hasura-User-Id': '7' }), 'has in "claims_map" a literal x-hasura-user-id: every user would be the same one'],
    ...['X-Hasura-Allowed-Roles', 'X-HASURA-user-id'].map((name): [unknown, string] => (
      [map({ 'x-hasura-user-id': '7', [name]: { path: '$.id' } }), 'has in "claims_map" two spellings of one claim']
    )),
    [map({ org: { path: '$.org' } }), 'has in "claims_map" a org without a "default": a user has claims whose names start with'],
    [map({ 'x-hasura-from': { path: '$.nbf' } }), 'a path to the registered claim nbf, which is no string in this token'],
    [map({ 'x-hasura-at': { path: '$.iat', default: '' } }), 'a path to the registered claim iat, which is no string in this token']
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

t.test('what the sandbox refuses as a URI is refused, and the rest is not', async (t) => {
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

t.test('a claim that Hasura would not find as it is given fails the login', async (t) => {
  const other = (claim: string): string => (
    `The claim ${claim} of src/claims.ts has another value than Hasura finds for it by its "claims_map"`
  )
  const noRole = 'The user\'s x-hasura-default-role is not among the x-hasura-allowed-roles, of which "claims_map" has one as a '
    + 'literal: Hasura would refuse every request without a role'
  const table: Array<[object, Record<string, string>, string | undefined]> = [
    [{ 'x-hasura-org-id': { path: '$.org' } }, {},
      'The claim x-hasura-org-id is in "claims_map" without a "default", and src/claims.ts gives this user none'],
    [{ 'x-hasura-me': { path: '$.sub' } }, { 'x-hasura-me': '7' }, undefined],
    [{ 'x-hasura-me': { path: '$.sub' } }, { 'x-hasura-me': '8' }, other('x-hasura-me')],
    [{ 'x-hasura-jti': { path: '$.jti' } }, { 'x-hasura-jti': '8' }, other('x-hasura-jti')],
    [{ 'x-hasura-by': { path: '$.iss', default: 'us' } }, { 'x-hasura-by': 'us' }, other('x-hasura-by')],
    [{ 'x-hasura-me': { path: '$.role' } }, { 'x-hasura-me': 'editor' }, other('x-hasura-me')],
    [{ 'x-hasura-app': 'shop' }, { 'x-hasura-app': 'shop' }, undefined],
    [{ 'x-hasura-app': 'shop' }, { 'x-hasura-app': 'other' }, other('x-hasura-app')],
    [{ 'x-hasura-default-role': 'guest' }, {}, noRole],
    [{ 'x-hasura-allowed-roles': ['editor'] }, {}, noRole]
  ]
  for (const [claimsMap, claims, message] of table) {
    const { sign } = await tokens(t, JSON.stringify(map(claimsMap)))
    const signed = (): string => sign({ ...user, claims })
    if (message === undefined) t.doesNotThrow(signed, JSON.stringify(claimsMap))
    else t.throws(signed, { message }, JSON.stringify(claimsMap))
  }
})

t.test('what every object has is none of the claims that a "claims_map" names', async (t) => {
  const json = JSON.stringify(map({ 'constructor': 'a', 'tostring': 'b', '#': { path: '$.p', default: 'c' } }))
  const { sign } = await tokens(t, json.replace('#', '__proto__'))
  t.notHas(decodeJwt(sign(user)), { p: {} })
})

t.test('an id that Hasura would take for no subject gets no token', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  for (const id of ['a b', 'Zoë', 'urn:a:b', 'https://a.test/7']) t.equal(decodeJwt(sign({ ...user, id })).sub, id)
  for (const id of [...noUris, '1:2', 'team:Zoë']) {
    t.throws(() => sign({ ...user, id }), {
      message: 'The user\'s id has a colon and is no URI: Hasura refuses a token with such a "sub"'
    }, id)
  }
})

t.test('an id that JSON.parse has rounded is nobody\'s', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  t.equal(decodeJwt(sign({ ...user, id: 2 ** 53 - 1 })).sub, '9007199254740991')
  t.equal(decodeJwt(sign({ ...user, id: '9007199254740993' })).sub, '9007199254740993')
  t.throws(() => sign({ ...user, id: JSON.parse('9007199254740993') as number }), {
    message: 'The user\'s id is beyond 2^53, which JSON does not carry exactly: let Hasura send it as text, with '
      + 'HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true'
  })
})

t.test('a private key that is not the other half of what Hasura has, or signs nothing, stops the start', async (t) => {
  const other = pairFor('ES256')
  const { json: es256, env } = sidesOf('ES256')
  const secret = { jwk_url: url }
  const encrypt = { cipher: 'aes-256-cbc', passphrase: 'p' } as const
  const { privateKey: rsa } = pairs['RS256'] ?? pairFor('RS256')
  const table: Array<[object, Record<string, string>, RegExp]> = [
    [es256, {},
      /^JWT_PRIVATE_KEY is missing: HASURA_GRAPHQL_JWT_SECRET has a public key, and the private key signs;/],
    [secret, {}, /^JWT_PRIVATE_KEY is missing: HASURA_GRAPHQL_JWT_SECRET has a "jwk_url"/],
    [es256, { ...env, JWT_PRIVATE_KEY_FILE: 'a' }, /^JWT_PRIVATE_KEY and JWT_PRIVATE_KEY_FILE are both set/],
    [{ type: 'HS256', key }, env,
      /^JWT_PRIVATE_KEY is set, but HASURA_GRAPHQL_JWT_SECRET has type HS256, which signs with its own "key"$/],
    [{ type: 'HS256', key }, { JWT_PRIVATE_KEY_FILE: 'a' }, /^JWT_PRIVATE_KEY_FILE is set, but/],
    [es256, { JWT_PRIVATE_KEY: privatePem(other) },
      /^JWT_PRIVATE_KEY holds a private key that is not the other half of the public key/],
    [es256, sidesOf('ES384').env,
      /^JWT_PRIVATE_KEY holds a private key that is a key for P-384, where type ES256 needs one for P-256$/],
    [{ ...secret, type: 'RS256' }, env,
      /^JWT_PRIVATE_KEY holds a private key that is a key for P-256, where type RS256 needs one for RSA$/],
    [secret, { JWT_PRIVATE_KEY: publicPem(other) }, /^JWT_PRIVATE_KEY holds no private key/],
    [secret, { JWT_PRIVATE_KEY: 'hunter2' }, /^JWT_PRIVATE_KEY holds no private key/],
    [secret, { JWT_PRIVATE_KEY: privatePem(other) + privatePem(other) },
      /^JWT_PRIVATE_KEY holds more than one private key/],
    [secret, { JWT_PRIVATE_KEY: privatePem(other).slice(0, 60) + '\n-----END PRIVATE KEY-----' },
      /^JWT_PRIVATE_KEY holds a private key that cannot be decoded$/],
    [secret, { JWT_PRIVATE_KEY: other.privateKey.export({ type: 'pkcs8', format: 'pem', ...encrypt }).toString() },
      /^JWT_PRIVATE_KEY holds an encrypted private key/],
    [secret, { JWT_PRIVATE_KEY: rsa.export({ type: 'pkcs1', format: 'pem', ...encrypt }).toString() },
      /^JWT_PRIVATE_KEY holds an encrypted private key/],
    [secret, { JWT_PRIVATE_KEY: '-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----' },
      /^JWT_PRIVATE_KEY holds a PEM block "OPENSSH PRIVATE KEY"/],
    [secret, { JWT_PRIVATE_KEY: privatePem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })) },
      /is a key for the curve secp256k1, for which Hasura has no type$/],
    [secret, { JWT_PRIVATE_KEY: privatePem(generateKeyPairSync('ed448')) },
      /is a key for ed448, for which Hasura has no type$/],
    [secret, { JWT_PRIVATE_KEY: privatePem(generateKeyPairSync('rsa', { modulusLength: 1024 })) },
      /is an RSA key of 1024 bits: at least 2048/],
    [secret, { JWT_PRIVATE_KEY_FILE: '/nowhere/key.pem' },
      /^JWT_PRIVATE_KEY_FILE names a file or folder that cannot be read: ENOENT$/]
  ]
  for (const [secret, env, message] of table) {
    const error = await tokens(t, JSON.stringify(secret), env).then(() => undefined, (error: unknown) => error as Error)
    t.equal(error?.name, 'ConfigError', String(message))
    t.match(error?.message, message)
    t.notMatch(error?.message, /\n|MI[IGH]|MC4|hunter2/, 'no key is printed')
  }
})

t.test('a private key with another key\'s public half in it stops the start', async (t) => {
  const [own, other] = [pairFor('ES256'), pairFor('ES256')]
  // RFC 5915: 7 bytes, the 32 of the private key, and at the end the public one, which nothing derives anew.
  const der = other.privateKey.export({ type: 'sec1', format: 'der' })
  der.set(Buffer.from(own.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url'), 7)
  const pem = `-----BEGIN EC PRIVATE KEY-----\n${der.toString('base64')}\n-----END EC PRIVATE KEY-----`
  for (const secret of [{ type: 'ES256', key: publicPem(other) }, { jwk_url: url }]) {
    await t.rejects(tokens(t, JSON.stringify(secret), { JWT_PRIVATE_KEY: pem }), {
      name: 'ConfigError',
      message: 'JWT_PRIVATE_KEY holds a private key whose signature its public half does not accept: the two are not of one pair'
    })
  }
})

t.test('a folder whose keys leave a doubt stops the start', async (t) => {
  const [a, b] = [privatePem(pairFor('ES256')), privatePem(pairFor('ES256'))]
  const table: Array<[Record<string, string>, RegExp]> = [
    [{}, /^JWT_PRIVATE_KEY_FILE names a folder without a file whose name ends in \.pem$/],
    [{ 'a.key': a, '.b.pem': b }, /^JWT_PRIVATE_KEY_FILE names a folder without a file/],
    [{ 'a.pem': a, 'b.pem': b }, /names a folder with two keys that sign from the beginning/],
    [{ 'a.pem': a, '2020-01-01T00-00-00Z.pem': a }, /names a folder in which a\.pem and 2020-01-01T00-00-00Z\.pem hold the same key$/],
    [{ '2020-13-01T00-00-00Z.pem': a }, /names a folder with 2020-13-01T00-00-00Z\.pem: the time from which a key signs is written as in 1970-01-01T00-00-00Z\.pem, in UTC$/],
    [{ '2020-02-30T00-00-00Z.pem': a }, /names a folder with 2020-02-30T00-00-00Z\.pem: the time/],
    [{ '2020-01-01.pem': a }, /names a folder with 2020-01-01\.pem: the time/],
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
