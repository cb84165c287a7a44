import Fastify from 'fastify'
import app, { serverOptions } from './app.ts'
import { ConfigError } from './plugins/config.ts'

/** Takes settings from a `.env` file where there is one; what the environment sets already wins. */
function loadEnvFile (): void {
  // An empty value is an unset one, and must not win.
  for (const [name, value] of Object.entries(process.env)) if (value === '') Reflect.deleteProperty(process.env, name)
  try {
    process.loadEnvFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** A mistake of the operator is one line; anything else is a bug, and keeps its stack. */
function fail (error: unknown): never {
  const { code } = error as NodeJS.ErrnoException
  if (error instanceof ConfigError) console.error(error.message)
  else if (code === 'EADDRINUSE') console.error('PORT is taken by another process: set it to a free one')
  else if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') console.error('HOST is not an address of this machine')
  else console.error(error)
  process.exit(1)
}

try {
  loadEnvFile()
  const server = Fastify(serverOptions())
  await server.register(app, { env: process.env })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // `once`: a second signal ends the process at once, as it would without a handler.
    process.once(signal, () => {
      server.log.info(`${signal}: finishing the requests under way`)
      server.close().then(() => process.exit(0), fail)
    })
  }
  await server.listen({ host: server.config.HOST, port: server.config.PORT })
} catch (error) {
  fail(error)
}
