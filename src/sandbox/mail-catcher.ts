import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { SMTPServerDataStream } from 'smtp-server'
import type { Log } from './database/migrations.ts'

export interface CaughtMail { id: number, to: string, subject: string, text: string, html: string, date: string }

export interface MailCatcher {
  /** Where it listens, for SMTP_URL. */
  url: string
  /** The newest mails, in the order in which they came. */
  inbox: CaughtMail[]
  close: () => Promise<void>
}

const inboxSize = 100

async function parseMail (id: number, stream: SMTPServerDataStream): Promise<CaughtMail> {
  // Imported with the first mail: the package takes as long to load as the rest of the sandbox's HTTP server.
  const { parseAddressHeader, simpleParser } = await import('mailparser')
  const { subject = '', text = '', html, date, headerLines } = await simpleParser(stream)
  const recipients = headerLines.find(({ key }) => key === 'to')?.line.replace(/^to:/i, '') ?? ''
  return {
    id,
    // As in the header: the parser would turn an ASCII domain into Unicode.
    to: parseAddressHeader(recipients, { decodePunycode: false }).value.map(({ address }) => address).join(', '),
    subject,
    text,
    html: html || '',
    date: (date ?? new Date()).toISOString()
  }
}

/** One line for the terminal, without control characters. */
function summarize ({ to, subject, text }: CaughtMail): string {
  const [link = 'no link'] = /https?:\/\/\S+#token=\S+/.exec(text) ?? []
  return `Mail to ${to}: ${subject}: ${link}`.replaceAll(/\p{Cc}+/gu, ' ')
}

/**
 * Starts an SMTP server on a free port of loopback that keeps every mail and delivers none. A mail that it has accepted
 * is in the inbox.
 *
 * @param log - receives one line for each mail: recipient, subject, link
 */
export async function catchMail (log: Log): Promise<MailCatcher> {
  const { SMTPServer } = await import('smtp-server')
  const inbox: CaughtMail[] = []
  let received = 0
  const server = new SMTPServer({
    // Its certificate would be self-signed, and the client would refuse it.
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 1,
    onData: (stream, _session, callback) => {
      parseMail(++received, stream).then((mail) => {
        inbox.push(mail)
        if (inbox.length > inboxSize) inbox.shift()
        log(summarize(mail))
        callback()
      }, callback)
    }
  })
  server.on('error', () => { /* A client that breaks its connection. */ })
  const listener = server.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    url: `smtp://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    inbox,
    close: async () => new Promise((resolve) => { server.close(resolve) })
  }
}
