import type { FastifyInstance } from 'fastify'
import type { Environment } from '../config.ts'
import { createAuthenticate } from './auth/authenticate.ts'
import { readCatalogue } from './database/catalogue.ts'
import { openDatabase } from './database/database.ts'
import type { Log } from './database/migrations.ts'
import { checkPermissions } from './database/where.ts'
import { createCallAction } from './graphql/action.ts'
import { createExecute } from './graphql/execute.ts'
import { addGraphql, createServer } from './graphql/graphql-server.ts'
import { addMetadataApi } from './metadata-api.ts'
import type { Action } from './metadata/action-metadata.ts'
import { loadMetadata } from './metadata/metadata.ts'
import { projectFolders } from './metadata/project-files.ts'
import { portOf } from './settings.ts'
import type { SandboxSettings } from './settings.ts'

interface HasuraOptions {
  settings: SandboxSettings
  /** Returns the base URL of the service when the first action is called. */
  serviceUrl?: () => string
  /** The folder of the CLI project to serve. */
  hasura: string
  log: Log
  /** Adds routes that are not Hasura's to its server. */
  extend?: (server: FastifyInstance) => void
}

export interface RunningHasura {
  /** Base URL of the API. */
  hasuraUrl: string
  /** The database, without its password. */
  database: string
  close: () => Promise<void>
}

/**
 * Listens on loopback.
 *
 * @throws Error that names the variable of a port that is taken
 */
export async function listen (server: FastifyInstance, variable: 'PORT' | 'SANDBOX_PORT', port: number): Promise<string> {
  try {
    return await server.listen({ host: '127.0.0.1', port })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new Error(`Port ${port} is taken by another process: set ${variable} to a free one, or to 0`)
  }
}

/** The environment of Hasura. A project may choose the names of the variables that the actions of this service use. */
function environmentOf (actions: Action[], settings: Environment, serviceUrl: string): Environment {
  const { handler = '', headers = [] } = actions.find(({ name }) => name === 'Login')?.definition ?? {}
  const [, url = 'ACTION_BASE_URL'] = /^\{\{(\w+)\}\}/.exec(handler) ?? []
  const secret = headers.find(({ name }) => name === 'x-hasura-action-secret')?.value_from_env ?? 'ACTION_SECRET'
  return { ACTION_BASE_URL: '', [secret]: settings['ACTION_SECRET'], ...settings, [url]: serviceUrl }
}

/**
 * Starts PostgreSQL and Hasura's API. It does not import the service, so it starts while the service does not compile.
 *
 * @throws Error that names the setting, port, folder or key of the metadata that prevents it
 */
export async function startHasura (
  { settings, serviceUrl = () => '', hasura, log, extend }: HasuraOptions
): Promise<RunningHasura> {
  const port = portOf(settings, 'SANDBOX_PORT')
  const server = createServer(settings.HASURA_GRAPHQL_CORS_DOMAIN)
  try {
    const skipped = settings['SANDBOX_PROJECT'] === undefined ? undefined : []
    const metadata = loadMetadata(projectFolders(hasura).metadata, skipped)
    if (skipped?.length) log(`The sandbox skips what it does not know: ${skipped.join(', ')}`)
    if (!metadata.actions.some(({ name }) => name === 'Login')) log('The project has no action Login: run npm run adopt')
    const { authenticate, close } = createAuthenticate({
      adminSecret: settings.HASURA_GRAPHQL_ADMIN_SECRET,
      jwtSecret: settings.HASURA_GRAPHQL_JWT_SECRET,
      unauthorizedRole: settings.HASURA_GRAPHQL_UNAUTHORIZED_ROLE,
      report: log
    })
    server.addHook('onClose', close)
    const db = await openDatabase(settings, hasura, log)
    server.addHook('onClose', db.close)
    const tables = await readCatalogue(db, metadata)
    checkPermissions(tables)
    const { actions, exported } = metadata
    const callAction = createCallAction(actions, () => environmentOf(actions, settings, serviceUrl()))
    const execute = createExecute({ db, tables, metadata, callAction })
    addGraphql(server, authenticate, execute, settings['HASURA_GRAPHQL_DEV_MODE'] === 'true', log)
    addMetadataApi(server, authenticate, exported)
    extend?.(server)
    const hasuraUrl = await listen(server, 'SANDBOX_PORT', port)
    return { hasuraUrl, database: db.description, close: async () => server.close() }
  } catch (error) {
    await server.close()
    throw error
  }
}
