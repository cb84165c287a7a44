import { lookup } from 'node:dns/promises'
import Fastify from 'fastify'
import app, { serverOptions } from './app.ts'
import { ConfigError } from './config.ts'
import { readEnvironment } from './env-file.ts'

/** Failures of `listen` and `lookup` that the operator can fix, by their code. */
const remedies: Record<string, string> = {
  EADDRINUSE: 'PORT is in use by another process: set it to a free port',
  EACCES: 'PORT needs more privileges: set it to 1024 or higher',
  EADDRNOTAVAIL: 'HOST is not an address of this machine: set it to one that is, or to 0.0.0.0',
  ENOTFOUND: 'Cannot resolve HOST: set it to an address or a name that resolves',
  EAI_AGAIN: 'Cannot resolve HOST: the DNS server does not answer'
}

/** Ends the process. The operator's mistakes are one line each; anything else is a bug and keeps its stack. */
function fail (error: unknown): never {
  const { code = '', message } = error as NodeJS.ErrnoException
  console.error(error instanceof ConfigError ? message : remedies[code] ?? error)
  process.exit(1)
}

const server = Fastify(serverOptions())

async function shutDown (signal: string): Promise<void> {
  const { SHUTDOWN_DELAY_SECONDS: delay, SHUTDOWN_GRACE_SECONDS: grace } = server.config
  server.log.info(`${signal}: finishing the requests in progress`)
  setTimeout(() => {
    server.log.error('SHUTDOWN_GRACE_SECONDS have passed: closing the connections of unfinished requests')
    process.exit(1)
  }, (delay + grace) * 1000).unref()
  await server.shutDown()
  process.exit(0)
}

/** Ctrl-C reaches npm and this process, and npm forwards it. A second signal within this time is the same Ctrl-C. */
const duplicateSignalMs = 1000

let signalledAt: number | undefined
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // Registered before listening: process 1 of a container ignores signals without a listener.
  process.on(signal, () => {
    if (signalledAt !== undefined) {
      if (performance.now() - signalledAt > duplicateSignalMs) process.exit(1)
      return
    }
    if (!server.server.listening) process.exit(0)
    signalledAt = performance.now()
    shutDown(signal).catch(fail)
  })
}

try {
  await server.register(app, { env: readEnvironment() })
  // Fastify listens on every address of the name localhost, but only its main server has the time limits.
  const { address: host } = await lookup(server.config.HOST)
  await server.listen({ host, port: server.config.PORT })
} catch (error) {
  fail(error)
}
