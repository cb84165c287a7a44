import Fastify from 'fastify'
import app, { serverOptions } from '../app.ts'
import type { Environment } from '../config.ts'
import type { Log } from './database/migrations.ts'
import { portOf, settingsOf } from './settings.ts'
import type { SandboxSettings } from './settings.ts'
import { listen, startHasura } from './start-hasura.ts'
import type { RunningHasura } from './start-hasura.ts'

export interface Sandbox extends RunningHasura {
  /** Base URL of the service. */
  serviceUrl: string
  /** The settings with all defaults. */
  settings: SandboxSettings
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
  const port = portOf(settings, 'PORT')
  // Each side needs the URL of the other. Hasura needs the service's at its first action.
  const variables = { ...settings, ACTION_BASE_URL: '' }
  const running = await startHasura({ settings, variables, hasura, log })
  const { hasuraUrl } = running
  const service = Fastify(serverOptions())
  const close = async (): Promise<void> => {
    await service.close()
    await running.close()
  }
  try {
    await service.register(app, { env: { ...settings, HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HOST: '127.0.0.1' } })
    const serviceUrl = variables.ACTION_BASE_URL = await listen(service, 'PORT', port)
    return { ...running, serviceUrl, settings, close }
  } catch (error) {
    await close()
    throw error
  }
}
