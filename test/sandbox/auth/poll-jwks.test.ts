import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { SignJWT } from 'jose'
import t from 'tap'
import { freshnessOf } from '../../../src/sandbox/auth/poll-jwks.ts'
import { createAuthenticate } from '../../../src/sandbox/auth/authenticate.ts'
import { serverOf } from '../../support/service.ts'

t.test('the freshness of an answer is computed as in Hasura', async (t) => {
  const table: Array<[cacheControl: string, seconds: number]> = [
    ['public, max-age=300', 300], ['s-maxage=60', 60], ['Max-Age="60", must-revalidate', 60], ['must-revalidate', 0],
    ['no-cache, max-age=60', 0], ['max-age=60, no-store', 0], ['public', 0]
  ]
  for (const [cacheControl, seconds] of table) {
    t.equal(freshnessOf(new Headers({ 'cache-control': cacheControl })), seconds, cacheControl)
  }
  t.equal(freshnessOf(new Headers()), 0, 'no header')
})

t.test('the keys at a URL are polled, each of them is tried, and a failure keeps the previous ones', async (t) => {
  const [a, b] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
  const jwk = ({ publicKey }: { publicKey: KeyObject }) => publicKey.export({ format: 'jwk' })
  const token = async (alg: string, key: KeyObject): Promise<string> => (
    new SignJWT({ 'https://hasura.io/jwt/claims': { 'x-hasura-allowed-roles': ['user'], 'x-hasura-default-role': 'user' } })
      .setProtectedHeader({ alg, kid: 'of another key' }).sign(key)
  )
  let [status, body] = [503, '']
  const fetches = { first: 0, second: 0 }
  const url = await serverOf(t, (request, response) => {
    fetches[request.url === '/second' ? 'second' : 'first']++
    response.writeHead(status, { 'cache-control': 'max-age=1' }).end(body)
  })
  const reports: string[] = []
  const poll = (jwkUrl: string, report: (problem: string) => void) => {
    const jwtSecret = JSON.stringify({ type: 'ignored', jwk_url: jwkUrl })
    const polling = createAuthenticate({ adminSecret: 'a', jwtSecret, unauthorizedRole: 'b', report })
    t.teardown(polling.close)
    return polling
  }
  const { authenticate, close } = poll(url, (problem) => { reports.push(problem) })
  const answer = async (jwt: string): Promise<string> => (
    authenticate({ authorization: `Bearer ${jwt}` }).then(({ role }) => role, (error: unknown) => (error as Error).message)
  )
  const becomes = async (jwt: string, wanted: string): Promise<void> => {
    while (await answer(jwt) !== wanted) await after(20)
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
  while (reports.length < 2) await after(20)
  body = JSON.stringify({ keys: [jwk(b), { ...jwk(a), alg: 'new' }] })
  while (reports.length < 3) await after(20)
  body = JSON.stringify({ keys: [jwk(b), { ...jwk(a), x5c: [] }] })
  while (reports.length < 4) await after(20)
  t.equal(await answer(ofA), 'user', 'one key that cannot be read fails the set')
  t.match(reports, [`${url}: Error: Non-2xx response on fetching JWK from: ${url}`, url, /alg/, /the sandbox does not support x5c/])
  close()
  // Another one polls at the same interval.
  const before = fetches.first
  poll(`${url}/second`, () => { /* ignored */ })
  while (fetches.second < 3) await after(20)
  t.equal(fetches.first, before, 'it does not poll after it is closed')
})
