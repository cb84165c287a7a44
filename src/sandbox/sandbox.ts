import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import app, { serverOptions } from '../app.ts'
import type { Environment } from '../config.ts'
import { createAuthenticate } from './auth/authenticate.ts'
import type { Authenticate } from './auth/authenticate.ts'
import { readCatalogue } from './database/catalogue.ts'
import type { Database } from './database/sql-connection.ts'
import { openDatabase } from './database/database.ts'
import type { Log } from './database/migrations.ts'
import { checkPermissions } from './database/where.ts'
import { createCallAction } from './graphql/action.ts'
import { createExecute } from './graphql/execute.ts'
import { createGraphqlServer } from './graphql/graphql-server.ts'
import { loadMetadata } from './metadata/metadata.ts'
import type { Metadata } from './metadata/metadata.ts'
import { portOf, settingsOf } from './settings.ts'
import type { SandboxSettings } from './settings.ts'

export interface Sandbox {
  /** Base URL of Hasura's API. */
  hasuraUrl: string
  /** Base URL of the service. */
  serviceUrl: string
  /** The settings with all defaults. */
  settings: SandboxSettings
  /** The database, without its password. */
  database: string
  close: () => Promise<void>
}

async function listen (server: FastifyInstance, variable: 'PORT' | 'SANDBOX_PORT', port: number): Promise<string> {
  try {
    return await server.listen({ host: '127.0.0.1', port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`Port ${port} is taken by another process: set ${variable} to a free one, or to 0`)
  }
}

interface HasuraParts {
  database: Database
  metadata: Metadata
  authenticate: Authenticate
  settings: SandboxSettings
  /** The environment of Hasura. It may change until the first action is called. */
  variables: Environment
  log: Log
}

async function createHasura (
  { database, metadata, authenticate, settings, variables, log }: HasuraParts
): Promise<FastifyInstance> {
  const tables = await readCatalogue(database, metadata)
  checkPermissions(tables)
  const callAction = createCallAction(metadata.actions, variables)
  return createGraphqlServer({
    authenticate,
    execute: createExecute({ db: database, tables, metadata, callAction }),
    corsDomain: settings.HASURA_GRAPHQL_CORS_DOMAIN,
    report: (error) => { log(String(error)) }
  })
}

/**
 * Starts PostgreSQL, Hasura's API and the service, all on loopback.
 *
 * @param env - variables of the service and of the sandbox; those that are not set get a development default
 * @param log - receives lines about the progress
 * @param hasura - the folder of the CLI project to serve
 * @throws Error that names the setting, port, folder or key of the metadata that prevents it
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
    // Each side needs the URL of the other. Hasura needs the service's at its first action.
    const variables = { ...settings, ACTION_BASE_URL: '' }
    const hasuraServer = await createHasura({ database, metadata, authenticate, settings, variables, log })
    opened.push(async () => hasuraServer.close())
    const hasuraUrl = await listen(hasuraServer, 'SANDBOX_PORT', sandboxPort)

    const service = Fastify(serverOptions())
    opened.push(async () => service.close())
    await service.register(app, { env: { ...settings, HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HOST: '127.0.0.1' } })
    variables.ACTION_BASE_URL = await listen(service, 'PORT', port)
    return { hasuraUrl, serviceUrl: variables.ACTION_BASE_URL, settings, database: database.description, close }
  } catch (error) {
    await close()
    throw error
  }
}
