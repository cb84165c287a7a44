import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import t from 'tap'
import callerGone from '../../src/http/caller-gone.ts'

t.test('the signal is aborted when the caller disconnects, but not after an answer', async (t) => {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(callerGone)
  const signals: AbortSignal[] = []
  const waiting = new EventEmitter()
  fastify.post('/', async ({ callerGone: signal, body }) => {
    signals.push(signal)
    if (body === 'wait') {
      waiting.emit('begun')
      await once(signal, 'abort')
      waiting.emit('gone')
    }
    return 'the answer'
  })
  await fastify.listen({ host: '127.0.0.1', port: 0 })
  const { port } = fastify.server.address() as AddressInfo
  const send = (body: string, connection: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nConnection: ${connection}\r\n`
      + `Content-Length: ${body.length}\r\n\r\n${body}`)
    return socket
  }

  t.match(await text(send('answer', 'close')), 'the answer')
  const kept = send('answer', 'keep-alive')
  await once(kept, 'data')
  kept.destroy()
  t.equal((await fastify.inject({ method: 'POST', url: '/' })).body, 'the answer')

  const begun = once(waiting, 'begun')
  const gone = send('wait', 'close')
  await begun
  const noticed = once(waiting, 'gone')
  gone.destroy()
  await noticed
  t.strictSame(signals.map(({ aborted }) => aborted), [false, false, false, true])
})
