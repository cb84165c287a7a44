import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'

const redisPath = ['/usr/bin/redis-server', '/usr/local/bin/redis-server', '/opt/homebrew/bin/redis-server'].find(existsSync)
export const skip = redisPath === undefined && 'there is no redis-server (on Debian: apt-get install redis-server)'

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** A Redis of the test's own that keeps nothing on disk. */
export async function redis (t: Test, port?: number, options: string[] = []) {
  const listening = port ?? await freePort()
  const child = spawn(String(redisPath), [
    '--port', String(listening), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...options
  ], { cwd: temporaryFolder(t) })
  t.teardown(() => child.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
      if (output.includes('Ready to accept')) resolve()
    })
    child.once('exit', () => { reject(new Error(`redis-server ended: ${output}`)) })
  })
  return { url: `redis://127.0.0.1:${listening}`, port: listening, child }
}
