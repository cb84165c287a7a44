import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import app, { serverOptions } from '../app.ts'
import type { Environment } from '../config.ts'
import type { Log } from './database/migrations.ts'
import { catchMail } from './mail-catcher.ts'
import { addMailPages } from './mail-pages.ts'
import { addPage } from './page-routes.ts'
import { portOf, settingsOf } from './settings.ts'
import type { SandboxSettings } from './settings.ts'
import { listen, startHasura } from './start-hasura.ts'
import type { RunningHasura } from './start-hasura.ts'

export interface Sandbox extends RunningHasura {
  /** Base URL of the service. */
  serviceUrl: string
  /** The settings with all defaults. */
  settings: SandboxSettings
  /** The caught mails as JSON; undefined if they go to your own SMTP server, or if mail is off. */
  inboxUrl: string | undefined
}

/**
 * Starts PostgreSQL, Hasura's API and the service, all on loopback. With TOKEN_SECRET mail is on, and without SMTP_URL
 * the sandbox catches it.
 *
 * @param env - variables of the service and of the sandbox; those that are not set get a development default
 * @param log - receives lines about the progress
 * @param hasura - the folder of the CLI project to serve; SANDBOX_PROJECT by default
 * @throws Error that names the setting, port, folder or key of the metadata that prevents it
 */
export async function startSandbox (
  { env, log, hasura = env['SANDBOX_PROJECT'] || 'hasura' }: { env: Environment, log: Log, hasura?: string }
): Promise<Sandbox> {
  const settings = settingsOf(env)
  const port = portOf(settings, 'PORT')
  const { TOKEN_SECRET: tokenSecret, SMTP_URL: smtpUrl } = settings
  const isMailOn = tokenSecret !== undefined
  const service = Fastify(serverOptions())
  // Each side needs the URL of the other. Hasura needs the URL of the service only when it calls the first action.
  let serviceUrl = ''
  try {
    const catcher = isMailOn && smtpUrl === undefined ? await catchMail(log) : undefined
    if (catcher !== undefined) service.addHook('onClose', catcher.close)
    const extend = (server: FastifyInstance): void => {
      addPage(server, settings)
      addMailPages(server, catcher?.inbox)
    }
    const running = await startHasura({ settings, serviceUrl: () => serviceUrl, hasura, log, extend })
    service.addHook('onClose', running.close)
    const { hasuraUrl } = running
    const mail = { SMTP_URL: catcher?.url, MAIL_FROM: 'sandbox@example.com', APP_URL: hasuraUrl }
    await service.register(app, {
      env: { ...isMailOn && mail, ...settings, HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HOST: '127.0.0.1' }
    })
    serviceUrl = await listen(service, 'PORT', port)
    const inboxUrl = catcher && `${hasuraUrl}/inbox.json`
    return { ...running, serviceUrl, settings, inboxUrl, close: async () => service.close() }
  } catch (error) {
    await service.close()
    throw error
  }
}
