import type { FastifyInstance } from 'fastify'
import type { Environment } from '../config.ts'
import { createAuthenticate } from './auth/authenticate.ts'
import { readCatalogue } from './database/catalogue.ts'
import { openDatabase } from './database/database.ts'
import type { Log } from './database/migrations.ts'
import { checkPermissions } from './database/where.ts'
import { createCallAction } from './graphql/action.ts'
import { createExecute } from './graphql/execute.ts'
import { createGraphqlServer } from './graphql/graphql-server.ts'
import { addMetadataApi } from './metadata-api.ts'
import { loadMetadata } from './metadata/metadata.ts'
import type { Action } from './metadata/metadata.ts'
import { projectFolders } from './metadata/project-folders.ts'
import { portOf } from './settings.ts'
import type { SandboxSettings } from './settings.ts'

interface HasuraOptions {
  settings: SandboxSettings
  /** The environment of Hasura. It may change until the first action is called. */
  variables: Environment
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

/** How to close each thing that is open. */
export type Opened = Array<() => Promise<unknown>>

/** Returns a function that closes what is open by then, the newest first. */
export function closerOf (opened: Opened): () => Promise<void> {
  return async () => {
    for (const close of opened.splice(0).reverse()) await close()
  }
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

/** Adds the variables that the actions of this service use, whose names a project may choose. */
function withOwnNames (actions: Action[], variables: Environment, settings: Environment): Environment {
  const { handler = '', headers = [] } = actions.find(({ name }) => name === 'Login')?.definition ?? {}
  const [, url = 'ACTION_BASE_URL'] = /^\{\{(\w+)\}\}/.exec(handler) ?? []
  const secret = headers.find(({ name }) => name === 'x-hasura-action-secret')?.value_from_env ?? 'ACTION_SECRET'
  // A getter, because the URL changes until the first action is called.
  const own = { ACTION_BASE_URL: settings['ACTION_BASE_URL'] ?? '', [secret]: settings['ACTION_SECRET'] }
  return { ...own, ...settings, get [url] () { return variables['ACTION_BASE_URL'] } }
}

/**
 * Starts PostgreSQL and Hasura's API. It does not import the service, so it starts while the service does not compile.
 *
 * @throws Error that names the setting, port, folder or key of the metadata that prevents it
 */
export async function startHasura (options: HasuraOptions): Promise<RunningHasura> {
  const { settings, variables, hasura, log, extend } = options
  const port = portOf(settings, 'SANDBOX_PORT')
  const opened: Opened = []
  const close = closerOf(opened)
  try {
    const skipped = settings['SANDBOX_PROJECT'] === undefined ? undefined : []
    const metadata = loadMetadata(projectFolders(hasura).metadata, skipped)
    if (skipped?.length) log(`The sandbox skips what it does not know: ${skipped.join(', ')}`)
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
    const callAction = createCallAction(metadata.actions, withOwnNames(metadata.actions, variables, settings))
    const server = createGraphqlServer({
      authenticate,
      execute: createExecute({ db: database, tables, metadata, callAction }),
      corsDomain: settings.HASURA_GRAPHQL_CORS_DOMAIN,
      isDevMode: settings['HASURA_GRAPHQL_DEV_MODE'] === 'true',
      report: (error) => { log(String(error)) }
    })
    opened.push(async () => server.close())
    addMetadataApi(server, authenticate, metadata.exported)
    extend?.(server)
    return { hasuraUrl: await listen(server, 'SANDBOX_PORT', port), database: database.description, close }
  } catch (error) {
    await close()
    throw error
  }
}
