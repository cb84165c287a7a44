import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import ipaddr from 'ipaddr.js'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * The address of the client in front of Hasura, from the one header that the configuration names. Nothing else is
     * believed: Hasura forwards an `X-Forwarded-For` of the client's own making.
     *
     * @returns an IPv4 address, or the /64 prefix of an IPv6 address, which is what one customer gets; undefined
     *   where the header is not configured or does not hold exactly one address
     */
    clientAddress: (request: FastifyRequest) => string | undefined
  }
}

function parseAddress (text: string): string | undefined {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return undefined
  // An IPv4 address that is mapped into IPv6 counts as what it is, and so does one behind NAT64 (RFC 6052).
  const address = ipaddr.process(text)
  if (address instanceof ipaddr.IPv4) return address.toString()
  if (address.range() === 'rfc6052') return new ipaddr.IPv4(address.toByteArray().slice(12)).toString()
  return `${address.parts.slice(0, 4).map(part => part.toString(16)).join(':')}::/64`
}

async function clientAddress (fastify: FastifyInstance): Promise<void> {
  const header = fastify.config.CLIENT_ADDRESS_HEADER?.toLowerCase()
  let hasWarned = false

  fastify.decorate('clientAddress', (request) => {
    if (header === undefined) return undefined
    const address = parseAddress(String(request.headers[header]).trim())
    if (address === undefined && !hasWarned) {
      hasWarned = true
      request.log.warn(`The header ${header} does not hold one address: attempts are counted without it`)
    }
    return address
  })
}

export default fp(clientAddress, { name: 'client-address', fastify: '5.x', dependencies: ['config'] })
