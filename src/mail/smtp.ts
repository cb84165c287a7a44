import type { NodemailerError, SendMailOptions } from 'nodemailer'
import type { SmtpServer } from './mail-settings.ts'
import { concurrency } from './mail-queue.ts'

/** Milliseconds without an answer after which a connection is closed, also an idle one. */
const silenceMs = 30_000

/** A mail that the SMTP server did not take. It holds nothing of nodemailer's message, which contains addresses. */
export class SmtpFailure extends Error {
  /** Names the step, the cause and the server's reply code, as nodemailer does. Safe to log. */
  readonly details: { code?: string, originalCode?: string, responseCode?: number, command?: string }
  /** The server refused this mail for good, such as one to an address that does not exist. */
  readonly isPermanent: boolean

  constructor ({ code, originalCode, responseCode, command, permanent }: NodemailerError) {
    super('the SMTP server did not take the mail')
    this.name = 'SmtpFailure'
    // JSON leaves out what is undefined.
    this.details = JSON.parse(JSON.stringify({ code, originalCode, responseCode, command })) as SmtpFailure['details']
    // Any other refusal concerns the server or the credentials. It ends without a change of the mail.
    this.isPermanent = permanent === true && (code === 'EENVELOPE' || code === 'EMESSAGE')
  }
}

/** Connections to an SMTP server, which are opened when they are needed. */
export interface Smtp {
  /** @throws SmtpFailure */
  send: (message: SendMailOptions) => Promise<void>
  /** Closes all connections, also those in use. */
  close: () => void
}

/** Loads nodemailer. Does not connect. */
export async function createSmtp (server: SmtpServer): Promise<Smtp> {
  // Not loaded without SMTP_URL.
  const { createTransport } = await import('nodemailer')
  const pool = createTransport({
    ...server,
    pool: true,
    maxConnections: concurrency,
    // Once more if the server has closed an idle connection. Any other retry is the queue's.
    maxRequeues: 1,
    connectionTimeout: silenceMs,
    greetingTimeout: silenceMs,
    socketTimeout: silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true
  })
  return {
    async send (message) {
      try {
        await pool.sendMail(message)
      } catch (error) {
        throw new SmtpFailure(error as NodemailerError)
      }
    },
    close: () => { pool.close({ force: true }) }
  }
}
