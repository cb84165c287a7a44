import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from 'jose'
import type { JSONWebKeySet } from 'jose'
import t from 'tap'
import { pairFor, privatePem, publicPem } from '../support/key-pairs.ts'
import { failure, service } from '../support/service.ts'

const path = '/.well-known/jwks.json'
const user = { id: 7, default_role: 'user', disabled_at: null, email_verified_at: null, roles: [] }

t.test('the route answers anyone with the public members of the key, and nothing else', async (t) => {
  for (const [type, alg] of [['RS384', 'RS384'], ['ES256', 'ES256'], ['ES512', 'ES512'], ['Ed25519', 'EdDSA']] as const) {
    const pair = pairFor(type)
    const secret = JSON.stringify({ type, key: publicPem(pair) })
    const { fastify } = await service(t, {
      HASURA_GRAPHQL_JWT_SECRET: secret, JWT_PRIVATE_KEY: privatePem(pair), JWKS_MAX_AGE_SECONDS: '60'
    })
    const { statusCode, headers, body } = await fastify.inject(path)
    const jwk = pair.publicKey.export({ format: 'jwk' })
    const kid = await calculateJwkThumbprint(jwk)
    t.equal(statusCode, 200)
    t.strictSame(JSON.parse(body), { keys: [{ ...jwk, kid, alg, use: 'sig' }] })
    t.equal(headers['content-type'], 'application/json; charset=utf-8')
    t.equal(headers['cache-control'], 'public, max-age=60')
    t.ok(await jwtVerify(fastify.jwt.sign(user), createLocalJWKSet(JSON.parse(body) as JSONWebKeySet)))
  }
})

t.test('a client that has the answer gets 304, and HEAD gets only the headers', async (t) => {
  const pair = pairFor('ES256')
  const { fastify } = await service(t, {
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ jwk_url: `http://auth:3000${path}` }), JWT_PRIVATE_KEY: privatePem(pair)
  })
  const { headers: { etag = '' }, body } = await fastify.inject(path)
  t.match(etag, /^"[\w-]{43}"$/)
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const response = await fastify.inject({ url: path, headers: { 'if-none-match': known } })
    t.strictSame([response.statusCode, response.body], [304, ''], known)
    t.match(response.headers, { etag, 'cache-control': 'public, max-age=300' })
  }
  const other = await fastify.inject({ url: path, headers: { 'if-none-match': '"other"' } })
  t.strictSame([other.statusCode, other.body], [200, body])
  const head = await fastify.inject({ method: 'HEAD', url: path })
  t.strictSame([head.statusCode, head.headers.etag, head.body], [200, etag, ''])
  const post = await fastify.inject({ method: 'POST', url: path })
  t.strictSame(post.json(), failure('method-not-allowed', 'The method must be GET, HEAD'))
})

t.test('a shared secret is not published, and neither is a hash of it', async (t) => {
  const { fastify } = await service(t)
  const { statusCode, body } = await fastify.inject(path)
  t.equal(statusCode, 404)
  t.strictSame(JSON.parse(body), failure('not-found', 'There is nothing at this path'))
})

t.test('digests in the log depend on secrets, even if the JWT configuration contains none', async (t) => {
  const env = {
    HASURA_GRAPHQL_JWT_SECRET: JSON.stringify({ jwk_url: `http://auth:3000${path}` }), JWT_PRIVATE_KEY: privatePem(pairFor('ES256'))
  }
  const digestOf = async (changes: object): Promise<string> => (await service(t, { ...env, ...changes })).fastify.digest('a@b.test')
  const digests = [
    await digestOf({}),
    await digestOf({ JWT_PRIVATE_KEY: privatePem(pairFor('ES256')) }),
    await digestOf({ HASURA_GRAPHQL_ADMIN_SECRET: 'another' }),
    await digestOf({ ACTION_SECRET: 'another-of-at-least-16' })
  ]
  t.equal(digests[0], digests[1], 'a new private key changes no digest')
  t.equal(new Set(digests).size, 3)
})
