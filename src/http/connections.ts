import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'

/** Milliseconds for which a connection may be without a request once the end has begun. */
const lastChance = 100

/** Which requests are under way on which connection, for the end of the process. */
async function connections (fastify: FastifyInstance): Promise<void> {
  const underWay = new Map<Socket, Set<FastifyReply>>()

  fastify.server.on('connection', (socket: Socket) => {
    underWay.set(socket, new Set<FastifyReply>())
    socket.once('close', () => { underWay.delete(socket) })
  })
  fastify.addHook('onRequest', async (request, reply) => {
    const replies = underWay.get(request.raw.socket)
    replies?.add(reply)
    reply.raw.once('finish', () => { replies?.delete(reply) })
  })

  // Node.js takes a connection that has not brought a request yet for a busy one, and the process would wait for it;
  // and it no longer looks whether a request takes too long to arrive.
  fastify.addHook('preClose', async () => {
    const arrivedBy = performance.now() + fastify.server.requestTimeout
    const sweep = setInterval(() => {
      const isLate = performance.now() > arrivedBy
      for (const [socket, replies] of underWay) {
        const isWaitedFor = Array.from(replies).some(({ request }) => request.raw.complete || !isLate)
        if (!isWaitedFor) socket.destroy()
      }
      if (!fastify.server.listening && underWay.size === 0) clearInterval(sweep)
    }, lastChance).unref()
  })
}

export default fp(connections, { name: 'connections', fastify: '5.x' })
