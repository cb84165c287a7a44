import { once } from 'node:events'
import { WebSocket } from 'undici'
import type { Server } from './processes.ts'

/** The environment in which a process of Node.js takes commands from its inspector, on a free port of loopback. */
export const withInspector = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

interface Answer { result: { result: { value: number } } }

/** Collects the garbage of a process started `withInspector`, and returns the MiB of its heap that are in use then. */
export async function collectGarbage (server: Server): Promise<number> {
  // Where the start command starts the service in its turn, the last one is the service.
  const url = Array.from(server.output().matchAll(/Debugger listening on (ws:\S+)/g), ([, found]) => found).at(-1)
  if (url === undefined) throw new Error('the inspector does not listen')
  const socket = new WebSocket(url)
  await once(socket, 'open')
  const command = async (id: number, method: string, params = {}): Promise<Answer> => {
    socket.send(JSON.stringify({ id, method, params }))
    const [message] = await once(socket, 'message') as [MessageEvent<string>]
    return JSON.parse(message.data) as Answer
  }
  await command(1, 'HeapProfiler.collectGarbage')
  const { result: { result: { value } } } = await command(2, 'Runtime.evaluate', { expression: 'process.memoryUsage().heapUsed' })
  socket.close()
  await once(socket, 'close')
  return value / 2 ** 20
}
