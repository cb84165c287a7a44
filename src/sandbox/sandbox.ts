import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import app, { serverOptions } from '../app.ts'
import type { Environment } from '../config.ts'
import { createCallAction } from './graphql/action.ts'
import { readCatalogue } from './database/catalogue.ts'
import { openDatabase } from './database/database.ts'
import type { Log } from './database/migrations.ts'
import { createExecute } from './graphql/execute.ts'
import { createGraphqlServer } from './graphql/graphql-server.ts'
import { loadMetadata } from './metadata/metadata.ts'
import { createAuthenticate } from './auth/authenticate.ts'
import { checkPermissions } from './database/where.ts'

/** What is not set in the environment: secrets that are none, and a log that leaves the terminal readable. */
const developmentDefaults = {
  HASURA_GRAPHQL_ADMIN_SECRET: 'development-admin-secret',
  HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"development-key-of-at-least-32-bytes"}',
  HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'anonymous',
  HASURA_GRAPHQL_CORS_DOMAIN: '*',
  ACTION_SECRET: 'development-action-secret',
  LOG_LEVEL: 'warn',
  PORT: '3000',
  SANDBOX_PORT: '8080',
  SANDBOX_DATA_DIR: '.sandbox'
}

export interface Sandbox {
  /** Base URLs of Hasura's side and of the service. */
  hasuraUrl: string
  serviceUrl: string
  /** The settings that it runs with, defaults included. */
  settings: Environment & typeof developmentDefaults
  /** Which database it runs on, without its password. */
  database: string
  close: () => Promise<void>
}

function settingsOf (env: Environment): Sandbox['settings'] {
  const set = Object.entries(env).filter(([, value]) => value !== undefined && value !== '')
  return { ...developmentDefaults, ...Object.fromEntries(set) }
}

function portOf (settings: Sandbox['settings'], variable: 'PORT' | 'SANDBOX_PORT'): number {
  const port = Number(settings[variable])
  if (/^\d{1,5}$/.test(settings[variable]) && port <= 65_535) return port
  throw new Error(`${variable} must be a port number, 0 to 65535; 0 takes a free one`)
}

async function listen (server: FastifyInstance, variable: 'PORT' | 'SANDBOX_PORT', port: number): Promise<string> {
  try {
    return await server.listen({ host: '127.0.0.1', port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`Port ${port} is taken by another process: set ${variable} to a free one, or to 0`)
  }
}

/**
 * Starts PostgreSQL, Hasura's API and the service, all on loopback.
 *
 * @param env - variables of the service and of the sandbox; what is missing gets a development default
 * @param log - takes lines about the progress
 * @param hasura - the folder of the CLI project to serve
 * @throws Error that says which setting, port, folder or key of the metadata is in the way
 */
export async function startSandbox (
  { env, log, hasura = 'hasura' }: { env: Environment, log: Log, hasura?: string }
): Promise<Sandbox> {
  const settings = settingsOf(env)
  const [port, sandboxPort] = [portOf(settings, 'PORT'), portOf(settings, 'SANDBOX_PORT')]
  const opened: Array<() => Promise<unknown>> = []
  const close = async (): Promise<void> => {
    for (const close of opened.splice(0).reverse()) await close()
  }
  try {
    const metadata = loadMetadata(`${hasura}/metadata`)
    const { authenticate, close: endPolling } = createAuthenticate({
      adminSecret: settings.HASURA_GRAPHQL_ADMIN_SECRET,
      jwtSecret: settings.HASURA_GRAPHQL_JWT_SECRET,
      unauthorizedRole: settings.HASURA_GRAPHQL_UNAUTHORIZED_ROLE,
      report: log
    })
    opened.push(async () => { endPolling() })
    const database = await openDatabase(settings, hasura, log)
    opened.push(database.close)
    const tables = await readCatalogue(database, metadata)
    checkPermissions(tables)

    // Each side needs the other's URL; the service's own is known when it listens, before the first action is called.
    const variables = { ...settings, ACTION_BASE_URL: '' }
    const callAction = createCallAction(metadata.actions, variables)
    const execute = createExecute({ db: database, tables, metadata, callAction })
    const hasuraServer = createGraphqlServer({
      authenticate, execute, corsDomain: settings.HASURA_GRAPHQL_CORS_DOMAIN, report: (error) => { log(String(error)) }
    })
    opened.push(() => hasuraServer.close())
    const hasuraUrl = await listen(hasuraServer, 'SANDBOX_PORT', sandboxPort)

    const service = Fastify(serverOptions())
    opened.push(() => service.close())
    await service.register(app, { env: { ...settings, HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HOST: '127.0.0.1' } })
    const serviceUrl = await listen(service, 'PORT', port)
    variables.ACTION_BASE_URL = serviceUrl
    return { hasuraUrl, serviceUrl, settings, database: database.description, close }
  } catch (error) {
    await close()
    throw error
  }
}
