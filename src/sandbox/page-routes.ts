import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { developmentDefaults } from './settings.ts'
import type { SandboxSettings } from './settings.ts'

const folder = 'src/sandbox/page'
const types: Record<string, string> = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript' }

/** The page loads only its own files, and no text can become HTML or a script. */
const contentSecurityPolicy = [
  'default-src \'none\'', 'script-src \'self\'', 'style-src \'self\'', 'connect-src \'self\'', 'frame-src \'self\'', 'img-src \'self\'',
  'base-uri \'none\'', 'form-action \'none\'', 'frame-ancestors \'none\'', 'require-trusted-types-for \'script\''
].join('; ')

/** Adds the page of the sandbox at `/`, and its files below `/page/`. It reads them at each request. */
export function addPage (server: FastifyInstance, settings: SandboxSettings): void {
  for (const name of readdirSync(folder)) {
    server.get(name === 'index.html' ? '/' : `/page/${name}`, (_request, reply) => reply
      .headers({
        'content-type': `${types[extname(name)] ?? 'text/plain'}; charset=utf-8`,
        'content-security-policy': contentSecurityPolicy,
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-cache'
      })
      .send(readFileSync(`${folder}/${name}`)))
  }
  // Browsers request the icon for each page.
  server.get('/favicon.ico', (_request, reply) => reply.code(204).send())
  const { HASURA_GRAPHQL_ADMIN_SECRET: secret } = settings
  // The default is public. Your own secret never leaves the process.
  const adminSecret = secret === developmentDefaults.HASURA_GRAPHQL_ADMIN_SECRET ? secret : null
  server.get('/page/settings.json', (_request, reply) => reply.removeHeader('access-control-allow-origin').send({ adminSecret }))
}
