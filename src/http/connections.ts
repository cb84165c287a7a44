import { setMaxListeners } from 'node:events'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'

type OnGone = (reply: FastifyReply) => void

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborted where the connection closes before the answer is out; one for all requests of a connection. */
    callerGone: AbortSignal
  }
  interface FastifyInstance {
    /** Adds what is called for each request whose connection closes before its answer is out. */
    onGone: (listener: OnGone) => void
  }
}

/** Milliseconds for which a connection may be without a request once the end has begun. */
const lastChance = 100

/** Which requests are under way on which connection: Fastify's own hooks do not run for a caller that is gone. */
async function connections (fastify: FastifyInstance): Promise<void> {
  const underWay = new Map<Socket, Set<FastifyReply>>()
  const listeners: OnGone[] = []

  // One for a connection and not for each of its requests: making them took a tenth of the event loop's time.
  const controllers = new WeakMap<Socket, AbortController>()
  function controllerOf (socket: Socket): AbortController {
    const known = controllers.get(socket)
    if (known !== undefined) return known
    const controller = new AbortController()
    // As many requests as are pipelined listen to it.
    setMaxListeners(0, controller.signal)
    controllers.set(socket, controller)
    return controller
  }

  fastify.decorate('onGone', (listener) => { listeners.push(listener) })
  fastify.decorateRequest('callerGone', { getter () { return controllerOf(this.raw.socket).signal } })

  // By connection and not by response: that of a pipelined request hears nothing of the connection before its turn.
  fastify.server.on('connection', (socket: Socket) => {
    const replies = new Set<FastifyReply>()
    underWay.set(socket, replies)
    socket.once('close', () => {
      underWay.delete(socket)
      if (replies.size > 0) controllerOf(socket).abort()
      for (const reply of replies) for (const listener of listeners) listener(reply)
    })
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
