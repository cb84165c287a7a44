import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { request } from './sandbox.ts'

type Headers = Record<string, string>
interface Message { type: string, id?: string, payload?: { headers?: Headers, query?: string } }

/**
 * Starts a WebSocket server for subscriptions, which the sandbox does not have. It reads the sandbox's tables, and
 * speaks `graphql-transport-ws` as Hasura does since 2.30:
 *
 * - It verifies the token of `connection_init`, and closes the connection with 4403 if it refuses the token.
 * - It drops the connection, without a close frame, when the token expires.
 * - A subscription is a live query: it sends the result, and each later result that differs from the one before.
 *
 * @returns `events` lists what happened to the connections; `beforeInit` runs before each token is verified
 */
export async function subscriptionServer (t: Test, hasuraUrl: string) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'graphql-transport-ws' })
  await once(server, 'listening')
  const running: Array<Promise<void>> = []
  t.teardown(async () => {
    for (const client of server.clients) client.terminate()
    server.close()
    await Promise.all(running)
  })
  const events: string[] = []
  const tokens: string[] = []
  const state = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/graphql`,
    events,
    tokens,
    beforeInit: async () => { /* Nothing by default. */ },
    /** Waits until this has happened that many times. */
    until: async (event: string, times = 1) => {
      while (events.filter(happened => happened === event).length < times) await after(5)
    }
  }

  async function accept (socket: WebSocket, headers: Headers): Promise<void> {
    await state.beforeInit()
    const { errors } = await request(hasuraUrl, '{ __typename }', { headers })
    if (errors !== undefined) {
      events.push('refused')
      socket.close(4403, '4403: Forbidden')
      return
    }
    const token = String(headers['authorization']).replace('Bearer ', '')
    const expiry = setTimeout(() => {
      events.push('expired')
      socket.terminate()
    }, Number(decodeJwt(token).exp) * 1000 - Date.now())
    socket.once('close', () => { clearTimeout(expiry) })
    tokens.push(token)
    events.push('accepted')
    socket.send('{"type":"connection_ack"}')
  }

  async function execute (socket: WebSocket, id: string, query: string, headers: Headers): Promise<void> {
    let last = ''
    while (socket.readyState === socket.OPEN) {
      const result = await request(hasuraUrl, query, { headers })
      const payload = JSON.stringify(result)
      // An error means that the token has expired: the connection ends, too.
      if (payload !== last && 'data' in result) socket.send(`{"type":"next","id":"${id}","payload":${payload}}`)
      last = payload
      await after(5)
    }
  }

  server.on('connection', (socket) => {
    let headers: Headers = {}
    socket.on('close', (code) => { events.push(`closed with ${code}`) })
    socket.on('message', (data: Buffer) => {
      const { type, id = '', payload = {} } = JSON.parse(data.toString()) as Message
      if (type === 'connection_init') running.push(accept(socket, headers = payload.headers ?? {}))
      const { query = '' } = payload
      if (type === 'subscribe') running.push(execute(socket, id, query.replace('subscription', 'query'), headers))
    })
  })
  return state
}
