import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as after } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import type { ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import type { SMTPServerOptions } from 'smtp-server'
import type { Test } from 'tap'
import { pauses, tryMs } from '../../src/mail/mail-queue.ts'
import { replace } from './replace.ts'

/** Settings that turn mail on, with a server that does not exist, and little time for it at the end. */
export const mailSettings = {
  TOKEN_SECRET: 'the-token-secret-of-the-tests-of-mails',
  SMTP_URL: 'smtp://127.0.0.1:1',
  MAIL_FROM: 'Example <no-reply@app.test>',
  APP_URL: 'https://app.test',
  // Not one of the pauses that `holdTimeouts` shortens.
  HASURA_TIMEOUT_SECONDS: '70',
  SHUTDOWN_GRACE_SECONDS: '1'
}

async function listenOn (t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

/** A mail as an SMTP server has received it. */
export interface ReceivedMail { mail: ParsedMail, raw: string, from: string, to: string[] }

/**
 * Starts an SMTP server that accepts every mail, without encryption unless `options` say otherwise.
 *
 * @returns its port, the settings of a service that sends to it, and the next mail that it has received
 */
export async function smtpServer (t: Test, options: SMTPServerOptions = {}) {
  const received: ReceivedMail[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onData (stream, { envelope: { mailFrom, rcptTo } }, callback) {
      void stream.toArray().then(async (chunks) => {
        const raw = Buffer.concat(chunks as Buffer[])
        received.push({
          mail: await simpleParser(raw),
          raw: raw.toString(),
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address)
        })
        callback()
      })
    },
    ...options
  })
  server.on('error', () => { /* A connection that ends early. */ })
  const port = await listenOn(t, server.server)
  return {
    port,
    settings: { ...mailSettings, SMTP_URL: `smtp://127.0.0.1:${port}` },
    received,
    next: async (): Promise<ReceivedMail> => {
      for (;;) {
        const first = received.shift()
        if (first !== undefined) return first
        await after(5)
      }
    }
  }
}

export type SmtpStep = 'greeting' | 'EHLO' | 'HELO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'content' | 'RSET' | 'QUIT'

/** What a faulty server does at a step: answer with this text, or something else with the connection. */
export type SmtpFault = string | ((socket: Socket) => void)

const goodReplies: Record<SmtpStep, string> = {
  greeting: '220 ok',
  EHLO: '250 ok',
  HELO: '250 ok',
  STARTTLS: '502 no',
  AUTH: '235 ok',
  MAIL: '250 ok',
  RCPT: '250 ok',
  DATA: '354 ok',
  content: '250 ok',
  RSET: '250 ok',
  QUIT: '221 ok'
}

/**
 * Starts an SMTP server with a fault at some steps.
 *
 * @returns its faults, which may change at any time, the steps that it has reached, and its open connections
 */
export async function faultySmtpServer (t: Test, first: Partial<Record<SmtpStep, SmtpFault>> = {}) {
  const server = { faults: first }
  const steps: SmtpStep[] = []
  const sockets = new Set<Socket>()
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => { /* The client has closed it. */ }).on('close', () => { sockets.delete(socket) })
    let isContent = false
    const take = (step: SmtpStep): void => {
      steps.push(step)
      const fault = server.faults[step]
      isContent = step === 'DATA' && fault === undefined
      if (typeof fault === 'function') fault(socket)
      else socket.write(`${fault ?? goodReplies[step]}\r\n`)
    }
    take('greeting')
    createInterface(socket).on('line', (line) => {
      const [command = ''] = line.split(' ')
      if (isContent && line === '.') take('content')
      else if (!isContent && command in goodReplies) take(command as SmtpStep)
    }).on('error', () => { /* The same. */ })
  })
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  const port = await listenOn(t, listener)
  return Object.assign(server, { settings: { ...mailSettings, SMTP_URL: `smtp://127.0.0.1:${port}` }, steps, sockets })
}

/**
 * Takes the pauses between tries out of the clock, so that they pass at once, and the time limit of a try, so that it
 * passes when the test says so.
 */
export function holdTimeouts (t: Test, isHeld = (milliseconds: number): boolean => milliseconds === tryMs) {
  const held = new Map<NodeJS.Timeout, () => void>()
  const { setTimeout: original } = globalThis
  replace(t, globalThis, 'setTimeout', (run: () => void, milliseconds: number, ...args: []) => {
    const timer = original(run, pauses.includes(milliseconds) ? 1 : milliseconds, ...args)
    if (isHeld(milliseconds)) held.set(timer, run)
    return timer
  })
  return {
    /** Ends every time limit that has begun. One of a try that has ended has no effect. */
    pass: () => {
      for (const [timer, run] of held) {
        held.delete(timer)
        clearTimeout(timer)
        run()
      }
    }
  }
}

/** Waits for a condition that something else brings about. */
export async function until (isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isTrue()) await after(5)
}
