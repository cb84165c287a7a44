import { readEnvironment } from './env-file.ts'
import { lookup } from 'node:dns/promises'
import { setTimeout as after } from 'node:timers/promises'
import Fastify from 'fastify'
import app, { serverOptions } from './app.ts'
import { ConfigError } from './config.ts'

/** A mistake of the operator is one line; anything else is a bug, and keeps its stack. */
function fail (error: unknown): never {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof ConfigError) console.error(error.message)
  else if (code === 'EADDRINUSE') console.error('PORT is taken by another process: set it to a free one')
  else if (code === 'EADDRNOTAVAIL') console.error('HOST is not an address of this machine')
  else if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') console.error('HOST is a name whose address cannot be found')
  else console.error(error)
  process.exit(1)
}

const server = Fastify(serverOptions())

async function end (signal: string): Promise<void> {
  const { SHUTDOWN_DELAY_SECONDS: delay, SHUTDOWN_GRACE_SECONDS: grace } = server.config
  server.log.info(`${signal}: finishing the requests under way`)
  server.drain()
  await after(delay * 1000)
  setTimeout(() => {
    server.log.error('SHUTDOWN_GRACE_SECONDS have passed: requests under way are cut off')
    process.exit(1)
  }, grace * 1000).unref()
  await server.close()
  process.exit(0)
}

/** Milliseconds in which a second signal is the first one again: npm hands on what Ctrl-C has sent to all already. */
const oneSignal = 1000

let endedAt: number | undefined
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // Before it listens, too: as process 1 of a container it would else be ignored.
  process.on(signal, () => {
    if (endedAt !== undefined) {
      if (performance.now() - endedAt > oneSignal) process.exit(1)
      return
    }
    if (!server.server.listening) process.exit(0)
    endedAt = performance.now()
    end(signal).catch(fail)
  })
}

try {
  await server.register(app, { env: readEnvironment() })
  // One address: of the name localhost Fastify listens on all, but on the others with servers of its own, which have
  // none of our time limits and of whose connections we hear nothing.
  const { address: host } = await lookup(server.config.HOST)
  await server.listen({ host, port: server.config.PORT })
} catch (error) {
  fail(error)
}
