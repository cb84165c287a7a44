import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { CaughtMail } from './mail-catcher.ts'

/** The example pages of `docs/mail.md`, by path: each heading that ends with a path, and the HTML below it. */
function readPages (): Array<{ path: string, html: string }> {
  const examples = readFileSync('docs/mail.md', 'utf8').matchAll(/^### .*`(\/[\w-]+)`$(?:(?!^#|^```)[^])*^```html\n([^]*?)^```$/gm)
  return Array.from(examples, ([, path = '', html = '']) => ({ path, html }))
}

/** A mail runs no script and loads nothing. */
const mailPolicy = 'sandbox allow-popups allow-popups-to-escape-sandbox; default-src \'none\'; style-src \'unsafe-inline\'; img-src data:; frame-ancestors \'self\''

/**
 * Adds the pages to which the links in mails lead, the inbox as JSON, and each of its mails as HTML.
 *
 * @param inbox - undefined if the mails go to your own SMTP server
 */
export function addMailPages (server: FastifyInstance, inbox: CaughtMail[] | undefined): void {
  for (const { path, html } of readPages()) server.get(path, (_request, reply) => reply.type('text/html; charset=utf-8').send(html))
  if (inbox === undefined) return
  // Not for web pages of other origins: the mails contain tokens.
  server.get('/inbox.json', (_request, reply) => reply.removeHeader('access-control-allow-origin').send(inbox))
  server.get<{ Params: { id: string } }>('/inbox/:id', ({ params }, reply) => {
    const mail = inbox.find(({ id }) => String(id) === params.id)
    if (mail === undefined) {
      reply.callNotFound()
      return reply
    }
    // Its links open in another tab, not in the frame that shows it.
    return reply.removeHeader('access-control-allow-origin').type('text/html; charset=utf-8')
      .header('content-security-policy', mailPolicy).send(`<base target="_blank">${mail.html}`)
  })
}
