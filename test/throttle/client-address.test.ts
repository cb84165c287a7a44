import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/config.ts'
import { serverOptions } from '../../src/http/http.ts'
import clientAddress from '../../src/throttle/client-address.ts'
import { replace } from '../support/replace.ts'
import { hasuraOf, service, settings } from '../support/service.ts'

/** Only the plugin, and the address that it reads from a request with these headers. */
async function start (t: Test, header = 'X-Client-Address') {
  const lines: string[] = []
  const stream = { write: (line: string) => { lines.push(line) } }
  const fastify = Fastify({ ...serverOptions(), logger: { stream } })
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, CLIENT_ADDRESS_HEADER: header } })
  await fastify.register(clientAddress)
  fastify.get('/', request => ({ address: fastify.clientAddress(request) }))
  return {
    addressOf: async (headers: Record<string, string>) => (
      (await fastify.inject({ url: '/', headers })).json<{ address?: string }>().address
    ),
    warnings: () => lines.map(line => JSON.parse(line) as { msg: string }).map(({ msg }) => msg)
  }
}

const missing = 'The header x-client-address is missing: such attempts count as if CLIENT_ADDRESS_HEADER were not set'
const unusable = 'The header x-client-address does not hold one address: such attempts share one limit'

t.test('every spelling of one address gives one value', async (t) => {
  const { addressOf, warnings } = await start(t)
  const table: Record<string, string[]> = {
    '203.0.113.7': [
      '203.0.113.7', ' 203.0.113.7 ', '203.0.113.7:51234', '203.0.113.7:0', '[203.0.113.7]:443', '::ffff:203.0.113.7',
      '::FFFF:CB00:7107', '[::ffff:203.0.113.7]:51234', '0:0:0:0:0:ffff:203.0.113.7', '64:ff9b::203.0.113.7',
      '64:ff9b::cb00:7107', '::ffff:0:203.0.113.7', '::ffff:203.0.113.7%eth0'
    ],
    '2001:db8:0:0::/64': [
      '2001:db8::1', '2001:0DB8:0000:0000:0000:0000:0000:0001', '[2001:db8::1]', '[2001:db8::1]:443', '2001:db8::1%eth0',
      '[2001:db8::1%25eth0.100]:443', '2001:db8::ffff:192.0.2.1', '2001:db8::'
    ],
    '2001:db8:0:1::/64': ['2001:db8:0:1::1', '[2001:db8:0:1:2:3:4:5]:443'],
    'fe80:0:0:0::/64': ['fe80::1%eth0', '[fe80::1%en0]:80', 'fe80::1'],
    '0:0:0:0::/64': ['::1', '[::1]:80']
  }
  for (const [address, spellings] of Object.entries(table)) {
    for (const spelling of spellings) t.equal(await addressOf({ 'x-client-address': spelling }), address, spelling)
  }
  t.strictSame(warnings(), [])
})

t.test('anything except one address is the same unusable value, with one warning a minute', async (t) => {
  const { addressOf, warnings } = await start(t)
  const values = [
    '', ' ', 'unknown', '1', '300.1.1.1', '203.0.113', '203.0.113.07', '203.0.113.7:', '203.0.113.7:port', '203.0.113.7:123456',
    '203.0.113.7%eth0', '203.0.113.7/32', '203.0.113.7, 203.0.113.8', '203.0.113.7,203.0.113.7', '203.0.113.7 203.0.113.8',
    '2001:db8::1, 203.0.113.7', '2001:db8:0:1:2:3:4:5:443', '[2001:db8::1', '2001:db8::1]', '[2001:db8::1]443', '[]', '[]:80',
    '[[::1]]', '"[2001:db8::1]:443"', 'for=203.0.113.7', 'http://203.0.113.7', '::1::', '%eth0', 'localhost', '\u00b9.1.1.1',
    `fe80::1${'%'.repeat(10_000)}`, `[${'::1'.repeat(3000)}]`
  ]
  for (const value of values) t.equal(await addressOf({ 'x-client-address': value }), 'unusable', value)
  t.strictSame(warnings(), [unusable])
})

t.test('an absent header is no address, with one warning a minute', async (t) => {
  const now = performance.now()
  let passed = 0
  replace(t, performance, 'now', () => now + passed)
  const { addressOf, warnings } = await start(t)
  for (let i = 0; i < 3; i++) t.equal(await addressOf({ 'x-forwarded-for': '203.0.113.7' }), undefined)
  t.equal(await addressOf({ 'x-client-address': 'unknown' }), 'unusable')
  passed = 59_999
  t.equal(await addressOf({}), undefined)
  t.strictSame(warnings(), [missing, unusable])
  passed = 60_000
  for (let i = 0; i < 3; i++) t.equal(await addressOf({}), undefined)
  t.strictSame(warnings(), [missing, unusable, missing])
})

t.test('without CLIENT_ADDRESS_HEADER no header is read', async (t) => {
  const { addressOf, warnings } = await start(t, '')
  for (const name of ['x-client-address', 'x-forwarded-for', 'forwarded', 'x-real-ip']) {
    t.equal(await addressOf({ [name]: '203.0.113.7' }), undefined, name)
  }
  t.strictSame(warnings(), [])
})

t.test('the plugin needs the configuration', async (t) => {
  await t.rejects(async () => { await Fastify().register(clientAddress) },
    { message: /dependency 'config' of plugin 'client-address' is not registered/ })
})

t.test('many headers, or the header several times, do not hide the address', async (t) => {
  const { url } = await hasuraOf(t, { UserByEmail: { data: { user: [] } } })
  const env = { HASURA_GRAPHQL_ENDPOINT: url, CLIENT_ADDRESS_HEADER: 'x-client-address', LOGIN_LIMIT_PER_ADDRESS: '2' }
  const { fastify } = await service(t, env)
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fastify.server.address() as AddressInfo
  let count = 0
  const statusWith = async (headers: string): Promise<number> => {
    const body = JSON.stringify({ input: { email: `caller-${count++}@b.test`, password: 'a-wrong-password' } })
    const socket = connect(port, '127.0.0.1')
    socket.write('POST /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n'
      + `X-Hasura-Action-Secret: ${settings.ACTION_SECRET}\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`)
    return Number((await text(socket)).split(' ')[1])
  }
  const from = (address: string): string => `X-Client-Address: ${address}\r\n`
  const many = 'a:\r\n'.repeat(3000)
  t.strictSame([
    await statusWith(from('192.0.2.1')), await statusWith(many + from('192.0.2.1')), await statusWith(many + from('192.0.2.1'))
  ], [401, 401, 429], 'many headers')
  t.strictSame([
    await statusWith(from('192.0.2.2') + from('192.0.2.3')), await statusWith(from('192.0.2.4') + many + from('192.0.2.4')),
    await statusWith(from('192.0.2.5, 192.0.2.6')), await statusWith(from('192.0.2.7'))
  ], [401, 401, 429, 401], 'several addresses')
})
