import { isIP } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import ipaddr from 'ipaddr.js'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Returns the address of the client in front of Hasura, from the header that CLIENT_ADDRESS_HEADER names. No other
     * header proves anything: Hasura forwards an `X-Forwarded-For` that the client wrote.
     *
     * @returns an IPv4 address, or the /64 prefix of an IPv6 address, because one customer gets all of it. `unusable`
     *   if the header holds anything but one address, so that all such attempts share one limit. undefined if the
     *   header is absent or not configured.
     */
    clientAddress: (request: FastifyRequest) => string | undefined
  }
}

const warningIntervalMs = 60_000

/** Ranges whose last four bytes are an IPv4 address (RFC 4291, RFC 6145 and RFC 6052). */
const embeddedIPv4 = ['ipv4Mapped', 'rfc6145', 'rfc6052']

/** Longer than every address with a zone and a port. Longer texts would cost time in the patterns below. */
const maxLength = 100

/** Some gateways add a port. An IPv6 address with a port is in brackets (RFC 3986, section 3.2.2). */
function withoutPort (text: string): string {
  return text.replace(/^([\d.]+):\d{1,5}$/, '$1').replace(/^\[(.*)\](?::\d{1,5})?$/, '$1')
}

function parseAddress (text: string): string | undefined {
  if (text.length > maxLength) return undefined
  // The zone of an IPv6 address names an interface of the proxy (RFC 4007, section 11).
  const bare = withoutPort(text).replace(/(?<=:.*)%.+$/, '')
  if (isIP(bare) === 0) return undefined
  const address = ipaddr.parse(bare)
  if (address instanceof ipaddr.IPv4) return address.toString()
  if (embeddedIPv4.includes(address.range())) return new ipaddr.IPv4(address.toByteArray().slice(12)).toString()
  return `${address.parts.slice(0, 4).map(part => part.toString(16)).join(':')}::/64`
}

/** `fastify.clientAddress`. */
async function clientAddress (fastify: FastifyInstance): Promise<void> {
  const header = fastify.config.CLIENT_ADDRESS_HEADER?.toLowerCase()
  const warnedAt = new Map<string, number>()

  function warn (request: FastifyRequest, warning: string): void {
    const now = performance.now()
    if (now - (warnedAt.get(warning) ?? -Infinity) < warningIntervalMs) return
    warnedAt.set(warning, now)
    request.log.warn(warning)
  }

  fastify.decorate('clientAddress', (request) => {
    if (header === undefined) return undefined
    const value = request.headers[header]
    if (value === undefined) {
      warn(request, `The header ${header} is missing: such attempts count as if CLIENT_ADDRESS_HEADER were not set`)
      return undefined
    }
    const address = parseAddress(String(value).trim())
    if (address === undefined) warn(request, `The header ${header} does not hold one address: such attempts share one limit`)
    return address ?? 'unusable'
  })
}

export default fp(clientAddress, { name: 'client-address', fastify: '5.x', dependencies: ['config'] })
