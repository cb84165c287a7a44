import dns from 'node:dns'
import type { LookupAddress } from 'node:dns'
import { createServer } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { UserByEmailDocument } from '../../src/generated/operations.ts'
import { service } from '../support/service.ts'
import { stalledServer } from '../support/stalled-server.ts'

const body = '{"data":{"user":[]}}'
const live = '127.0.0.1'
const dead = '127.0.0.2'
const refused = '::1'

type LookupArguments = [name: string, options: object, callback: (error: null, addresses: LookupAddress[]) => void]

/** Resolves a name to these addresses in this process. `onConnect` runs when the first connection attempt has begun. */
function resolveTo (t: Test, name: string, addresses: string[], onConnect = (): void => { /* nothing */ }): void {
  const { lookup } = dns
  t.teardown(() => { dns.lookup = lookup })
  Object.assign(dns, {
    lookup: (...args: LookupArguments) => {
      if (args[0] !== name) {
        Reflect.apply(lookup, dns, args)
        return
      }
      setImmediate(() => {
        args[2](null, addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })))
        setImmediate(onConnect)
      })
    }
  })
}

/** Runs an operation on a Hasura at `name`; how often it was sent again. */
async function ask (t: Test, name: string, port: number, seconds: string): Promise<number> {
  const endpoint = `http://${name}:${port}`
  const { fastify } = await service(t, { HASURA_GRAPHQL_ENDPOINT: endpoint, HASURA_TIMEOUT_SECONDS: seconds })
  t.strictSame(await fastify.hasura.request(UserByEmailDocument, { email: 'a@b.test' }), { user: [] })
  const { values = [] } = await fastify.metrics.getSingleMetric('hasura_jwt_auth_hasura_retries_total')?.get() ?? {}
  return values.length
}

t.test('an address that does not answer leaves time for the next one', async (t) => {
  const { port } = await stalledServer(t, dead)
  const server = createServer((_request, response) => { response.end(body) })
  t.teardown(() => { server.close() })
  await new Promise<void>((resolve) => { server.listen(port, live, resolve) })
  resolveTo(t, 'hasura.test', [dead, live])
  t.equal(await ask(t, 'hasura.test', port, '4'), 0)
})

// A connection whose first packet is lost takes a second.
for (const [title, addresses] of [
  ['an IPv6 address that is refused after it', [live, refused]],
  ['an IPv6 address that is refused before it', [refused, live]],
  ['an address that does not answer after it', [live, dead]]
] as const) {
  t.test(`a slow address is not abandoned for ${title}`, async (t) => {
    const { port } = await stalledServer(t, dead)
    const { resume } = await stalledServer(t, live, { port, body })
    resolveTo(t, 'hasura.test', [...addresses], resume)
    t.equal(await ask(t, 'hasura.test', port, '32'), 0)
  })
}
