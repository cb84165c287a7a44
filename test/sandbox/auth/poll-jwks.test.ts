import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { SignJWT } from 'jose'
import t from 'tap'
import { freshnessOf } from '../../../src/sandbox/auth/poll-jwks.ts'
import { createAuthenticate } from '../../../src/sandbox/auth/authenticate.ts'
import { serverOf } from '../../support/service.ts'

t.test('an answer is fresh for as long as Hasura takes it to be', async (t) => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  const table: Array<[Record<string, string>, number]> = [
    [{ 'cache-control': 'public, max-age=300' }, 300],
    [{ 'cache-control': 's-maxage=60' }, 60],
    [{ 'cache-control': 'Max-Age=60, must-revalidate' }, 60],
    [{ 'cache-control': 'must-revalidate' }, 0],
    [{ 'cache-control': 'no-cache, max-age=60' }, 0],
    [{ 'cache-control': 'no-store' }, 0],
    [{ 'cache-control': 'public', 'expires': 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60],
    [{ 'cache-control': 'max-age=5', 'expires': 'Thu, 01 Jan 2026 00:01:00 GMT' }, 5],
    [{ expires: 'Thu, 01 Jan 2026 00:01:00 GMT' }, 60],
    [{ expires: 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    [{ expires: 'soon' }, 0],
    [{}, 0]
  ]
  for (const [headers, seconds] of table) {
    t.equal(freshnessOf(new Headers(headers), now), seconds, JSON.stringify(headers))
  }
})

t.test('the keys at a URL are polled, each of them is tried, and a failure keeps those before it', async (t) => {
  const [a, b] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
  const jwk = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ format: 'jwk' })
  const token = async (alg: string, key: KeyObject): Promise<string> => (
    new SignJWT({ 'https://hasura.io/jwt/claims': { 'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': 'user' } })
      .setProtectedHeader({ alg, kid: 'of another key' }).sign(key)
  )
  let [status, body, fetches] = [503, '', 0]
  const url = await serverOf(t, (_request, response) => {
    fetches++
    response.writeHead(status, { 'cache-control': 'max-age=1' }).end(body)
  })
  const reports: string[] = []
  const { authenticate, close } = createAuthenticate({
    adminSecret: 'a',
    jwtSecret: JSON.stringify({ type: 'not looked at', jwk_url: url }),
    unauthorizedRole: 'b',
    report: (problem) => { reports.push(problem) }
  })
  t.teardown(close)
  const answer = async (jwt: string): Promise<string> => (
    authenticate({ authorization: `Bearer ${jwt}` }).then(({ role }) => role, (error: unknown) => (error as Error).message)
  )
  const becomes = async (jwt: string, wanted: string): Promise<void> => {
    for (let tries = 0; tries < 100 && await answer(jwt) !== wanted; tries++) await after(50)
    t.equal(await answer(jwt), wanted)
  }
  const [ofA, ofB] = [await token('EdDSA', a.privateKey), await token('ES256', b.privateKey)]
  while (reports.length < 1) await after(20)
  t.equal(await answer(ofA), 'Could not verify JWT: JWSError NoUsableKeys')
  ;[status, body] = [200, JSON.stringify({ keys: [jwk(a)] })]
  await becomes(ofA, 'user')
  t.equal(await answer(ofB), 'Could not verify JWT: JWSError JWSInvalidSignature')
  body = JSON.stringify({ keys: [jwk(a), jwk(b)] })
  await becomes(ofB, 'user')
  t.equal(await answer(ofA), 'user')
  body = JSON.stringify({ keys: [jwk(b), { kty: 'new' }] })
  while (reports.length < 2) await after(50)
  body = JSON.stringify({ keys: [jwk(b), { ...jwk(a), alg: 'new' }] })
  while (reports.length < 3) await after(50)
  body = JSON.stringify({ keys: [jwk(b), { ...jwk(a), x5c: [] }] })
  while (reports.length < 4) await after(50)
  t.equal(await answer(ofA), 'user', 'one key that cannot be read fails the set')
  t.match(reports, [`${url}: Error: Non-2xx response on fetching JWK from: ${url}`, url, /alg/, /the sandbox does not support x5c/])
  close()
  const before = fetches
  await after(1200)
  t.equal(fetches, before, 'closed, it asks no more')
})
