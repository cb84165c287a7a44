import Fastify from 'fastify'
import { jwtVerify } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/plugins/config.ts'
import jwt from '../../src/plugins/jwt.ts'
import { settings } from '../service.ts'

async function tokens (t: Test, secret: string, env: Record<string, string> = {}) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, ...env, HASURA_GRAPHQL_JWT_SECRET: secret } })
  await fastify.register(jwt)
  return fastify.jwt
}

const user = { id: 7, defaultRole: 'user', roles: ['editor', 'user', 'editor'] }

t.test('a token is signed with the key of the JSON and says what Hasura wants to read', async (t) => {
  for (const [type, length] of [['HS256', 32], ['HS384', 48], ['HS512', 64]] as const) {
    // The key is the bytes of the string: umlauts are two, and nothing is decoded from base64.
    const key = 'ü'.repeat(length / 2)
    const { sign } = await tokens(t, JSON.stringify({ type, key }), { ACCESS_TOKEN_TTL_SECONDS: '60' })
    const before = Math.floor(Date.now() / 1000)
    const { payload, protectedHeader } = await jwtVerify(sign(user), new TextEncoder().encode(key))
    t.strictSame(protectedHeader, { alg: type, typ: 'JWT' })
    const { iat = 0, exp = 0, jti, ...claims } = payload
    t.ok(iat >= before && iat <= Date.now() / 1000 && Number.isInteger(iat), 'iat is rounded down')
    t.equal(exp - iat, 60)
    t.match(jti, /^[\da-f-]{36}$/)
    t.strictSame(claims, {
      'sub': '7',
      'https://hasura.io/jwt/claims': {
        'x-hasura-allowed-roles': ['user', 'editor'], 'x-hasura-default-role': 'user', 'x-hasura-user-id': '7'
      }
    })
  }
})

t.test('no two tokens are the same', async (t) => {
  const { sign } = await tokens(t, settings.HASURA_GRAPHQL_JWT_SECRET)
  t.not(sign(user), sign(user))
})

t.test('issuer, audience and the claims\' namespace are those of the JSON', async (t) => {
  const key = 'k'.repeat(32)
  for (const audience of ['app', ['app', 'other']]) {
    const secret = { type: 'HS256', key, issuer: 'https://auth.test', audience, claims_namespace: 'hasura', claims_format: 'json' }
    const { sign } = await tokens(t, JSON.stringify(secret))
    const { payload } = await jwtVerify(sign(user), new TextEncoder().encode(key), { audience: 'app' })
    t.strictSame([payload.iss, payload.aud], ['https://auth.test', audience])
    t.match(payload['hasura'], { 'x-hasura-user-id': '7' })
  }
})

t.test('what Hasura refuses, or this service cannot sign for, stops the start', async (t) => {
  const key = 'k'.repeat(64)
  const table: Array<[unknown, RegExp]> = [
    ['{"type":', /is not a JSON object/],
    [['HS256'], /is not a JSON object/],
    [key, /is not a JSON object/],
    ['null', /is not a JSON object/],
    [{ key }, /has no "type"/],
    [{ type: 'HS1024', key }, /has a "type" that Hasura does not know/],
    [{ type: 'toString', key }, /has a "type" that Hasura does not know/],
    [{ type: 'none', key }, /has a "type" that Hasura does not know/],
    [{ type: 'RS256', key }, /has type RS256, which this service does not sign with/],
    [{ type: 'HS256' }, /has no "key": it must be a string of at least 32 bytes/],
    [{ type: 'HS256', key: 1 }, /has no "key"/],
    [{ type: 'HS256', key: 'k'.repeat(31) }, /too short: HS256 needs at least 32 bytes/],
    [{ type: 'HS384', key: 'k'.repeat(47) }, /too short: HS384 needs at least 48 bytes/],
    [{ type: 'HS512', key: 'k'.repeat(63) }, /too short: HS512 needs at least 64 bytes/],
    [{ jwk_url: 'https://a' }, /has "jwk_url", which this service does not support/],
    [{ type: 'HS256', key, claims_map: {} }, /has "claims_map", which/],
    [{ type: 'HS256', key, claims_namespace_path: '$' }, /has "claims_namespace_path", which/],
    [{ type: 'HS256', key, claims_namespace: 1 }, /has a "claims_namespace" that is not a string/],
    [{ type: 'HS256', key, claims_format: 'stringified_json' }, /has a "claims_format" that this service does not write/],
    [{ type: 'HS256', key, issuer: 1 }, /has an "issuer" that is not a string/],
    [{ type: 'HS256', key, audience: [1] }, /has an "audience" that is neither a string nor a list/]
  ]
  for (const [secret, problem] of table) {
    const json = typeof secret === 'string' ? secret : JSON.stringify(secret)
    const error = await tokens(t, json).then(() => undefined, (error: unknown) => error as Error)
    t.equal(error?.name, 'ConfigError', json)
    t.match(error?.message, problem)
    t.match(error?.message, /^HASURA_GRAPHQL_JWT_SECRET /)
    t.notMatch(error?.message, /kkkk/, 'the key is not printed')
  }
})
