import tls from 'node:tls'
import type { SMTPServerOptions } from 'smtp-server'
import t from 'tap'
import type { Test } from 'tap'
import { certificate, noOpenssl as skip } from '../support/certificate.ts'
import { replace } from '../support/replace.ts'
import { service } from '../support/service.ts'
import { faultySmtpServer, holdTimeouts, smtpServer, until } from '../support/smtp-servers.ts'

/** Makes this process trust a certificate, as NODE_EXTRA_CA_CERTS does at start. */
function trust (t: Test, ca: string): void {
  const { connect } = tls
  replace(t, tls, 'connect', (options: tls.ConnectionOptions, callback?: () => void) => connect({ ...options, ca }, callback))
}

const credentials = 'us%40er:p%40ss%2Fw%C3%B6rd%25'

/** An SMTP server that takes only these credentials, and what it has seen of them. */
async function serverWithAuth (t: Test, options: SMTPServerOptions) {
  const seen: unknown[] = []
  const server = await smtpServer(t, {
    authOptional: false,
    onAuth ({ username, password }, _session, callback) {
      seen.push([username, password])
      const isRight = username === 'us@er' && password === 'p@ss/wörd%'
      callback(isRight ? null : new Error('hunter2'), isRight ? { user: 'user' } : undefined)
    },
    ...options
  })
  return { ...server, seen }
}

async function sendTo (t: Test, settings: Record<string, string>, SMTP_URL: string) {
  holdTimeouts(t)
  const { fastify, log } = await service(t, { ...settings, SMTP_URL })
  fastify.mail?.send({ name: 'password-changed', to: 'a@b.test' })
  return {
    log,
    givenUp: async () => {
      await until(() => log().some(({ msg }) => msg === 'a mail was given up'))
      return log().at(-1)
    }
  }
}

for (const scheme of ['smtps', 'smtp'] as const) {
  const name = scheme === 'smtps' ? 'TLS' : 'STARTTLS'
  const options = { secure: scheme === 'smtps', disabledCommands: scheme === 'smtps' ? ['STARTTLS'] : [] }

  t.test(`${name} with a certificate that is trusted: the credentials arrive decoded, and the mail is sent`, { skip }, async (t) => {
    const { key, cert } = certificate(t)
    trust(t, cert)
    const { settings, port, seen, next } = await serverWithAuth(t, { key, cert, ...options })
    // For STARTTLS, a host that is not loopback by its name.
    await sendTo(t, settings, `${scheme}://${credentials}@${scheme === 'smtps' ? '127.0.0.1' : '0.0.0.0'}:${port}`)
    t.strictSame((await next()).to, ['a@b.test'])
    t.strictSame(seen, [['us@er', 'p@ss/wörd%']])
  })

  t.test(`${name} with a certificate that is not trusted: nothing is sent, and the log names the cause`, { skip }, async (t) => {
    const { settings, port, seen, received } = await serverWithAuth(t, { ...certificate(t), ...options })
    const { givenUp } = await sendTo(t, settings, `${scheme}://${credentials}@127.0.0.1:${port}`)
    t.match(await givenUp(), { reason: 'failed', code: /^ESOCKET$|^ETLS$/, originalCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    t.strictSame([seen, received], [[], []])
  })
}

t.test('a certificate for another name is refused', { skip }, async (t) => {
  const { key, cert } = certificate(t, 'DNS:mail.test')
  trust(t, cert)
  const { settings, port, received } = await smtpServer(t, { key, cert, secure: true })
  const { givenUp } = await sendTo(t, settings, `smtps://127.0.0.1:${port}`)
  t.match(await givenUp(), { reason: 'failed', originalCode: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  t.strictSame(received, [])
})

t.test('without STARTTLS, a password is sent only to this machine', async (t) => {
  const { settings, port, seen, next, received } = await serverWithAuth(t, {})
  const { givenUp, log } = await sendTo(t, settings, `smtp://${credentials}@0.0.0.0:${port}`)
  t.match(await givenUp(), { reason: 'failed', code: 'ETLS', command: 'STARTTLS' })
  t.strictSame([seen, received], [[], []])
  t.notMatch(JSON.stringify(log()), /us@er|p@ss/)

  await sendTo(t, settings, `smtp://${credentials}@127.0.0.1:${port}`)
  t.strictSame((await next()).to, ['a@b.test'])
  t.strictSame(seen, [['us@er', 'p@ss/wörd%']])
})

t.test('a server that hides STARTTLS in every way gets no password', async (t) => {
  for (const EHLO of ['250 AUTH PLAIN LOGIN', '250-STARTTLS-NOT\r\n250 AUTH PLAIN', '500 no', '502 no']) {
    const server = await faultySmtpServer(t, { EHLO, HELO: '250 AUTH PLAIN' })
    const { givenUp } = await sendTo(t, server.settings, server.settings.SMTP_URL.replace('127.0.0.1', `${credentials}@0.0.0.0`))
    t.match(await givenUp(), { reason: 'failed' }, EHLO)
    t.notOk(server.steps.includes('AUTH'))
    t.notOk(server.steps.includes('MAIL'))
  }
})

t.test('without a password, a server without STARTTLS gets the mail', async (t) => {
  const { settings, port, next } = await smtpServer(t)
  await sendTo(t, settings, `smtp://0.0.0.0:${port}`)
  t.strictSame((await next()).to, ['a@b.test'])
})

t.test('wrong credentials are tried again, and the log repeats neither them nor the server', async (t) => {
  const { settings, port, seen } = await serverWithAuth(t, {})
  const { givenUp, log } = await sendTo(t, settings, `smtp://us%40er:wrong-password@127.0.0.1:${port}`)
  t.match(await givenUp(), { level: 50, reason: 'failed', code: 'EAUTH', responseCode: 535, command: 'AUTH PLAIN' })
  t.ok(seen.length > 1)
  t.notMatch(JSON.stringify(log()), /us@er|wrong-password|hunter2/)
})
