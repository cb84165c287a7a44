import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Test } from 'tap'

const script = `
  const [host, port, body] = process.argv.slice(1)
  const server = require('node:http').createServer((request, response) => { response.end(body) })
  server.listen({ port, host, backlog: 1 }, () => { console.log(server.address().port) })`

/**
 * Starts a server whose process is stopped and whose queue of connections is full. It drops every attempt to connect,
 * so that the client's system tries again after a second. After `resume` it accepts connections, and answers `body`.
 */
export async function stalledServer (t: Test, host: string, { port: wanted = 0, body = '' } = {}) {
  const child = spawn(process.execPath, ['-e', script, host, String(wanted), body])
  t.teardown(() => child.kill('SIGKILL'))
  const port = Number(String((await once(child.stdout, 'data') as [Buffer])[0]))
  child.kill('SIGSTOP')
  // A backlog of 1 holds two connections.
  for (let queued = 0; queued < 2; queued++) {
    const socket = connect(port, host).on('error', () => { /* reset when the child ends */ })
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
  }
  return { port, resume: () => { child.kill('SIGCONT') } }
}
