import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { CaughtMail } from './mail-catcher.ts'

/** The example pages of `docs/mail.md`, by path: each heading that ends with a path, and the HTML below it. */
function readPages (): Array<{ path: string, html: string }> {
  const examples = readFileSync('docs/mail.md', 'utf8').matchAll(/^### .*`(\/[\w-]+)`$(?:(?!^#|^```)[^])*^```html\n([^]*?)^```$/gm)
  return Array.from(examples, ([, path = '', html = '']) => ({ path, html }))
}

/**
 * Adds the pages to which the links in mails lead, and the inbox as JSON.
 *
 * @param inbox - undefined if the mails go to an SMTP server of yours
 */
export function addMailPages (server: FastifyInstance, inbox: CaughtMail[] | undefined): void {
  for (const { path, html } of readPages()) server.get(path, (_request, reply) => reply.type('text/html; charset=utf-8').send(html))
  if (inbox === undefined) return
  // Not for web pages of other origins: the mails contain tokens.
  server.get('/inbox.json', (_request, reply) => reply.removeHeader('access-control-allow-origin').send(inbox))
}
