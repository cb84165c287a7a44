import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { simpleParser } from 'mailparser'
import type { ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'
import type { Test } from 'tap'

/** Settings that turn mail on, with a server that does not exist. */
export const mailSettings = {
  TOKEN_SECRET: 'the-token-secret-of-the-tests-of-mails',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'Example <no-reply@app.test>',
  APP_URL: 'https://app.test'
}

/** Starts a server on a free port and returns its port. */
export async function listen (t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

interface Caught { mail: ParsedMail, raw: string, to: string[] }

/**
 * Starts an SMTP server that accepts every mail without encryption, unless `options` say otherwise.
 *
 * @returns the settings of a service that sends to it, and the next mail that it catches, in order
 */
export async function mailCatcher (t: Test, options: SMTPServerOptions = {}) {
  const caught: Caught[] = []
  const waiting: Array<(mail: Caught) => void> = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData (stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => { chunks.push(chunk) }).on('end', () => {
        const raw = Buffer.concat(chunks)
        void simpleParser(raw).then((mail) => {
          const next = { mail, raw: raw.toString(), to: session.envelope.rcptTo.map(({ address }) => address) }
          const take = waiting.shift()
          if (take === undefined) caught.push(next)
          else take(next)
          callback()
        })
      })
    },
    ...options
  })
  server.on('error', () => { /* of connections that end early */ })
  const port = await listen(t, server.server)
  return {
    settings: { ...mailSettings, SMTP_URL: `smtp://127.0.0.1:${port}` },
    port,
    left: () => caught.length,
    next: async (): Promise<Caught> => {
      const first = caught.shift()
      if (first !== undefined) return first
      return new Promise((resolve) => { waiting.push(resolve) })
    }
  }
}
