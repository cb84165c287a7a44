import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** True from the moment the shutdown begins. `/readyz` then fails, so that no new connections are routed here. */
    readonly isShuttingDown: boolean
    /**
     * Fails `/readyz`, waits for `SHUTDOWN_DELAY_SECONDS`, stops listening and answers the requests in progress.
     *
     * @returns when every request is answered and everything is closed
     */
    shutDown: () => Promise<void>
  }
}

/** Milliseconds between two checks of the connections, and the time in which a request must arrive completely. */
const sweepIntervalMs = 1000

/** `fastify.shutDown`: ends the service without losing a request. */
async function shutdown (fastify: FastifyInstance): Promise<void> {
  const { config, server } = fastify
  let isShuttingDown = false
  const requests = new Map<Socket, Set<IncomingMessage>>()

  fastify.decorate('isShuttingDown', { getter: () => isShuttingDown })
  fastify.decorate('shutDown', async () => {
    isShuttingDown = true
    await after(config.SHUTDOWN_DELAY_SECONDS * 1000)
    await fastify.close()
  })

  server.on('connection', (socket: Socket) => {
    requests.set(socket, new Set())
    socket.once('close', () => { requests.delete(socket) })
  })
  fastify.addHook('onRequest', async ({ raw: request }, { raw: response }) => {
    const inProgress = requests.get(request.socket)
    inProgress?.add(request)
    response.once('finish', () => { inProgress?.delete(request) })
  })
  // Otherwise a kept-alive connection would hold the process for as long as it may be idle.
  fastify.addHook('onSend', async (_request, reply) => {
    if (isShuttingDown) void reply.header('connection', 'close')
  })

  // Node.js waits for connections that have not sent a request yet, and no longer limits the time for a request to
  // arrive once the server closes.
  fastify.addHook('preClose', async () => {
    isShuttingDown = true
    const sweep = setInterval(() => {
      for (const [socket, inProgress] of requests) {
        if (![...inProgress].some(({ complete }) => complete)) socket.destroy()
      }
      if (!server.listening && requests.size === 0) clearInterval(sweep)
    }, sweepIntervalMs).unref()
  })
}

export default fp(shutdown, { name: 'shutdown', fastify: '5.x', dependencies: ['config'] })
