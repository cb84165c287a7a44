import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { SendMailOptions } from 'nodemailer'
import { Counter, Gauge } from 'prom-client'
import { normalizeEmail } from '../email.ts'
import { ActionError } from '../errors.ts'
import { tokenSecrets } from '../sessions/refresh-token.ts'
import { isWithinLimits, recipientLimits } from './mail-limits.ts'
import { createMailQueue, maxLength, maxLengthForLookups } from './mail-queue.ts'
import type { Sender } from './mail-settings.ts'
import { createMailedTokens } from './mailed-token.ts'
import type { MailedTokens } from './mailed-token.ts'
import { createSmtp, SmtpFailure } from './smtp.ts'
import { mailNames } from './templates.ts'
import type { MailName, RenderMail } from './templates.ts'

/** A mail to the email `to`. The link of a mail is made from its name and the mailed token. */
export type Mail = (
  { name: 'reset-password' | 'verify-email' | 'confirm-email', to: string, token: string }
  | { name: 'email-changed', to: string, newEmail: string }
  | { name: 'email-taken' | 'password-changed' | 'account-deleted', to: string }
)

interface Mailer {
  /** Sends a mail in the background. Never throws and never waits. */
  send: (mail: Mail) => void
  /** The same for a mail that `find` looks up first. Sends nothing if `find` returns undefined. */
  enqueue: (find: () => Promise<Mail | undefined>) => void
  tokens: MailedTokens
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Undefined without `SMTP_URL`: then no mail is sent. */
    mail: Mailer | undefined
  }
}

/**
 * Returns the mailer, for actions that need it.
 *
 * @throws ActionError `not-configured` without `SMTP_URL`
 */
export function requireMail ({ mail }: FastifyInstance): Mailer {
  if (mail !== undefined) return mail
  throw new ActionError('not-configured', 'There is no mail: set SMTP_URL')
}

/** A mail, or the lookup that comes before it. */
interface Job {
  find: () => Promise<Mail | undefined>
  /** Known at once, or after the lookup. */
  name?: MailName
  /** Known once it is counted. */
  mail?: Mail | undefined
}

/** The part of the grace, from its start, in which mails are still sent. The rest is for closing everything else. */
const shareOfGrace = 0.75

/** Writes a duration in the largest unit that fits without a remainder: `1 hour`, `90 minutes`. */
export function formatDuration (seconds: number): string {
  const units = [[86_400, 'day'], [3600, 'hour'], [60, 'minute']] as const
  const [size, unit] = units.find(([size]) => seconds % size === 0) ?? [1, 'second']
  return `${seconds / size} ${unit}${seconds === size ? '' : 's'}`
}

function createMetrics ({ metrics }: FastifyInstance, length: () => number) {
  const mails = new Counter({
    registers: [metrics],
    name: 'hasura_jwt_auth_mails_total',
    help: 'Mails by how they ended. A lookup that fails has no name yet.',
    labelNames: ['mail', 'outcome']
  })
  for (const mail of [...mailNames, 'lookup']) {
    for (const outcome of ['sent', 'limited', 'refused', 'failed', 'dropped', 'abandoned']) mails.inc({ mail, outcome }, 0)
  }
  const retries = new Counter({
    registers: [metrics], name: 'hasura_jwt_auth_mail_retries_total', help: 'Tries that failed and are repeated'
  })
  new Gauge({
    registers: [metrics],
    name: 'hasura_jwt_auth_mail_queue_length',
    help: 'Mails that are being sent, wait for their turn, or wait for their next try',
    collect () { this.set(length()) }
  })
  return { mails, retries }
}

/** What may be logged of a failure. */
function describe (error: unknown): object {
  return error instanceof SmtpFailure ? error.details : { err: error }
}

interface MessageSettings {
  appUrl: string
  from: Sender
  render: RenderMail
  /** The lifetime of a link, in words. */
  validFor: string
}

/** @throws ActionError if the recipient is not an email */
function toMessage (mail: Mail, { appUrl, from, render, validFor }: MessageSettings): SendMailOptions {
  const address = normalizeEmail(mail.to)
  const { subject, txt, html } = render(mail.name, {
    app_url: appUrl,
    email: address,
    ...'token' in mail && { link: `${appUrl}/${mail.name}#token=${mail.token}`, valid_for: validFor },
    ...'newEmail' in mail && { new_email: mail.newEmail }
  })
  return {
    from,
    // An object, because nodemailer would parse a string: `a,b@c.test` is two recipients.
    to: { name: '', address },
    subject,
    text: txt,
    html,
    // RFC 3834, section 5: no out-of-office answers.
    headers: { 'Auto-Submitted': 'auto-generated' }
  }
}

/** `fastify.mail`: sends mails over SMTP in the background. */
async function mail (fastify: FastifyInstance): Promise<void> {
  const { config, digest, log } = fastify
  const { SMTP_URL: server, MAIL_FROM: from, APP_URL: appUrl, MAIL_TEMPLATES_DIR: render } = fastify.parsed
  const secrets = tokenSecrets(config)
  const isComplete = server !== undefined && from !== undefined && appUrl !== undefined && render !== undefined
  if (!isComplete || secrets === undefined) {
    fastify.decorate('mail', undefined)
    return
  }
  const smtp = await createSmtp(server)
  const settings = { appUrl, from, render, validFor: formatDuration(config.MAILED_TOKEN_TTL_SECONDS) }

  /** Looks the mail up. Returns undefined if no mail is due, or if the recipient's limit is reached. */
  const prepare = async (job: Job): Promise<Mail | undefined> => {
    const found = await job.find()
    if (found === undefined) return undefined
    job.name = found.name
    if (await isWithinLimits(fastify, recipientLimits(found.name, digest(normalizeEmail(found.to))))) return found
    mails.inc({ mail: found.name, outcome: 'limited' })
    return undefined
  }

  const queue = createMailQueue<Job>({
    async run (job, signal) {
      job.mail ??= await prepare(job)
      if (job.mail === undefined) return
      await smtp.send({ ...toMessage(job.mail, settings), signal })
      mails.inc({ mail: job.mail.name, outcome: 'sent' })
    },
    isPermanent: error => error instanceof SmtpFailure && error.isPermanent,
    onRetry ({ name: mail }, error) {
      retries.inc()
      log.warn({ mail, ...describe(error) }, 'a mail could not be sent and is tried again')
    },
    onGiveUp ({ name: mail }, reason, error) {
      mails.inc({ mail: mail ?? 'lookup', outcome: reason })
      // An address that does not exist is the user's mistake.
      const level = reason === 'refused' ? 'warn' : 'error'
      log[level]({ mail, reason, ...describe(error) }, 'a mail was given up')
    }
  })
  const { mails, retries } = createMetrics(fastify, queue.length)

  fastify.decorate('mail', {
    send: (mail) => { queue.add({ find: async () => mail, name: mail.name }, maxLength) },
    enqueue: (find) => { queue.add({ find }, maxLengthForLookups) },
    tokens: createMailedTokens(secrets, config.MAILED_TOKEN_TTL_SECONDS)
  })
  let closesAt = Infinity
  fastify.addHook('preClose', async () => { closesAt = performance.now() + config.SHUTDOWN_GRACE_SECONDS * 1000 * shareOfGrace })
  fastify.addHook('onClose', async () => {
    await queue.close(Math.max(0, closesAt - performance.now()))
    smtp.close()
  })
}

export default fp(mail, { name: 'mail', fastify: '5.x', dependencies: ['config', 'metrics', 'digest', 'throttle', 'hasura'] })
