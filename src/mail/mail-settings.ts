import { ConfigError, isLoopback } from '../config.ts'
import { normalizeEmail } from '../email.ts'

/** An SMTP server, as nodemailer's options. */
export interface SmtpServer {
  host: string
  port: number
  /** TLS from the first byte, as with `smtps://`. */
  secure: boolean
  /** Fail unless the server offers STARTTLS. */
  requireTLS: boolean
  auth?: { user: string, pass: string }
}

export interface Sender {
  name: string
  address: string
}

declare module 'fastify' {
  interface ParsedVariables {
    SMTP_URL: SmtpServer | undefined
    MAIL_FROM: Sender | undefined
    /** Without a slash at the end. */
    APP_URL: string | undefined
  }
}

function parseUrl (text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined
}

/** @returns undefined if the percent-encoding is broken */
function decode (text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/**
 * nodemailer's own parser would take options from the query, which can turn TLS off. So there must be no query.
 *
 * @throws ConfigError if `SMTP_URL` is not a URL of an SMTP server
 */
export function parseSmtpUrl (text: string | undefined): SmtpServer | undefined {
  if (text === undefined) return undefined
  const url = parseUrl(text)
  const [user, pass] = [decode(url?.username ?? ''), decode(url?.password ?? '')]
  // A special character that is not encoded ends the password early. The rest of it is then in the path, query or hash.
  const isSmtp = /^smtps?:\/\/[^/?#]+\/?$/.test(text) && url !== undefined && url.hostname !== ''
  if (!isSmtp || user === undefined || pass === undefined || (user === '') !== (pass === '')) {
    throw new ConfigError('SMTP_URL', 'is not a URL of an SMTP server: use one such as '
      + 'smtps://user:password@smtp.example.com or smtp://user:password@smtp.example.com:587, '
      + 'and percent-encode special characters in the user and the password')
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const secure = url.protocol === 'smtps:'
  return {
    host,
    // The ports of submission: RFC 8314, section 3.3, and RFC 6409, section 3.1.
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    // Otherwise nodemailer sends the password in clear if the server, or an attacker on the way, offers no STARTTLS.
    requireTLS: !secure && user !== '' && !isLoopback(host),
    ...(user !== '' && { auth: { user, pass } })
  }
}

/** @throws ConfigError if `MAIL_FROM` is neither an address nor a name and an address in angle brackets */
export function parseMailFrom (text: string | undefined): Sender | undefined {
  if (text === undefined) return undefined
  const [, name = '', inBrackets = text] = /^([^<>]*)<([^<>]*)>$/.exec(text.trim()) ?? []
  try {
    const address = normalizeEmail(inBrackets)
    if (!/\p{Cc}/u.test(name)) return { name: name.trim().replace(/^"(.*)"$/, '$1'), address }
  } catch {
    // The error names the field of an action.
  }
  throw new ConfigError('MAIL_FROM', 'is not an address: use one such as no-reply@example.com, '
    + 'or a name and an address such as Example <no-reply@example.com>')
}

/** @throws ConfigError if `APP_URL` is not a URL to which a path and a fragment can be added */
export function parseAppUrl (text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = parseUrl(text)
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (isHttp && url.username + url.password === '' && !/[?#]/.test(text)) return url.href.replace(/\/+$/, '')
  throw new ConfigError('APP_URL', 'is not the URL of an app: use one such as https://app.example.com, '
    + 'without credentials, query and fragment')
}
