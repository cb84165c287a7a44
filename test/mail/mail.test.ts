import t from 'tap'
import { formatDuration, requireMail } from '../../src/mail/mail.ts'
import type { Mail } from '../../src/mail/mail.ts'
import { maxLengthForLookups } from '../../src/mail/mail-queue.ts'
import { mailNames } from '../../src/mail/templates.ts'
import { openPage, skipBrowser } from '../support/browser.ts'
import { replace } from '../support/replace.ts'
import { failure, service } from '../support/service.ts'
import { faultySmtpServer, holdTimeouts, smtpServer, until } from '../support/smtp-servers.ts'

/** As long as a real one. */
const token = 'AbCdEf0_-9'.repeat(15)
const to = 'ada@b.test'
const newEmail = 'ada@c.test'

/** One of each. */
const mails: Mail[] = [
  { name: 'reset-password', to, token }, { name: 'verify-email', to, token }, { name: 'confirm-email', to, token },
  { name: 'email-changed', to, newEmail },
  { name: 'email-taken', to }, { name: 'password-changed', to }, { name: 'account-deleted', to }
]

t.test('every mail arrives once, with its recipient, its text, its HTML and its headers', async (t) => {
  const { settings, next, received } = await smtpServer(t)
  const { fastify } = await service(t, { ...settings, APP_URL: 'https://app.test/account/', MAILED_TOKEN_TTL_SECONDS: '7200' })
  t.strictSame(mails.map(({ name }) => name).sort(), mailNames.toSorted())
  const ids = new Set<unknown>()
  const before = Date.now() - 1000
  for (const mail of mails) {
    requireMail(fastify).send(mail)
    const { mail: { from, subject, text = '', html, headers, date, messageId }, raw, ...envelope } = await next()
    t.strictSame(envelope, { from: 'no-reply@app.test', to: [to] }, mail.name)
    t.equal(from?.text, '"Example" <no-reply@app.test>')
    t.match(raw, /^To: ada@b\.test\r$/m)
    t.match(subject, /^\w[\w ]+\w$/)
    t.equal(headers.get('auto-submitted'), 'auto-generated')
    t.ok(date !== undefined && date.getTime() >= before)
    t.match(messageId, /^<\S+@app\.test>$/)
    ids.add(messageId)
    t.match(headers.get('content-type'), { value: 'multipart/alternative' })
    const link = `https://app.test/account/${mail.name}#token=${token}`
    for (const [part, body] of Object.entries({ text, html: String(html) })) {
      t.equal(body.includes(link), 'token' in mail, part)
      t.equal(body.includes('2 hours'), 'token' in mail, part)
      t.equal(body.includes(newEmail), 'newEmail' in mail, part)
      t.ok(body.includes(to) && body.includes('https://app.test/account'), part)
      t.ok(body.includes('If that was not you'), part)
    }
    if ('token' in mail) t.ok(text.split('\n').includes(link), 'the link has a line of its own')
    t.ok(text.split('\n').every(line => line.includes('https:') || line.length <= 76))
    t.notMatch(html, /<img|<script|<link|<style|src=|url\(/)
  }
  t.equal(ids.size, mails.length)
  t.equal(received.length, 0)
})

t.test('no value adds a header, a recipient or a part', async (t) => {
  const { settings, next, received } = await smtpServer(t)
  const hostile = 'x\r\nBcc: victim@d.test\r\n\r\nbody'
  const { fastify, log } = await service(t, settings)
  const { send } = requireMail(fastify)
  const recipients = [
    'a@b.test, victim@d.test', 'a@b.test\r\nBcc: victim@d.test', 'a@b.test\nRCPT TO:<victim@d.test>', '<victim@d.test>', 'a@b.test>', 'A <victim@d.test>',
    '"victim@d.test"@b.test', 'victim@d.test@b.test', 'group: victim@d.test;', 'a@b.test (victim@d.test)', 'a@b.test\u0000', 'a\u2028@b.test', 'a@', '', 'a'
  ]
  holdTimeouts(t)
  for (const to of recipients) send({ name: 'password-changed', to })
  await until(() => log().filter(({ msg }) => msg === 'a mail was given up').length === recipients.length)
  t.equal(received.length, 0)
  t.notMatch(JSON.stringify(log()), /victim/)

  send({ name: 'email-changed', to: 'a|b=c%d!e@b.test', newEmail: hostile })
  const { mail, raw, to } = await next()
  t.strictSame(to, ['a|b=c%d!e@b.test'])
  const [head = ''] = raw.split('\r\n\r\n')
  t.strictSame(head.split('\r\n').filter(line => /^\S/.test(line)).map(line => line.split(':')[0]).sort(), [
    'Auto-Submitted', 'Content-Type', 'Date', 'From', 'MIME-Version', 'Message-ID', 'Subject', 'To'
  ])
  t.match(mail.text, 'victim@d.test')
})

t.test('a recipient gets one mail of a kind in a minute and five in an hour, and of notices only the hour counts', async (t) => {
  const { settings, received } = await smtpServer(t)
  const { fastify, log } = await service(t, settings)
  const outcomes = async (mail: string) => {
    const { values } = await fastify.metrics.getSingleMetric('hasura_jwt_auth_mails_total')?.get() ?? { values: [] }
    const counted = values.filter(({ labels, value }) => labels['mail'] === mail && value > 0)
    return Object.fromEntries(counted.map(({ labels, value }) => [labels['outcome'], value])) as Record<string, number>
  }
  let now = performance.now()
  replace(t, performance, 'now', () => now)
  const { send, enqueue } = requireMail(fastify)
  send({ name: 'verify-email', to, token })
  await until(async () => (await outcomes('verify-email'))['sent'] === 1)
  send({ name: 'verify-email', to: 'ADA@B.test', token })
  enqueue(async () => ({ name: 'verify-email', to, token }))
  send({ name: 'verify-email', to: 'another@b.test', token })
  send({ name: 'reset-password', to, token })
  await until(async () => (await outcomes('verify-email'))['limited'] === 2 && received.length === 3)
  for (let notice = 0; notice < 7; notice++) send({ name: 'password-changed', to })
  await until(async () => (await outcomes('password-changed'))['limited'] === 2)
  await until(async () => (await outcomes('password-changed'))['sent'] === 5)
  for (let minute = 2; minute <= 7; minute++) {
    now += 60_000
    send({ name: 'verify-email', to, token })
    const ended = minute
    await until(async () => {
      const { sent = 0, limited = 0 } = await outcomes('verify-email')
      return sent + limited === ended + 3
    })
  }
  t.strictSame(await outcomes('verify-email'), { sent: 6, limited: 4 }, 'five to one recipient, one to the other')
  t.notMatch(JSON.stringify(log()), 'given up')
})

t.test('an address in Unicode arrives', async (t) => {
  const { settings, next } = await smtpServer(t)
  const { fastify } = await service(t, settings)
  requireMail(fastify).send({ name: 'password-changed', to: 'jörg@münchen.test' })
  t.strictSame((await next()).to, ['jörg@münchen.test'])
})

t.test('a mail may be looked up first, in the background, and there may be none', async (t) => {
  const { settings, next } = await smtpServer(t)
  const { fastify, log } = await service(t, settings)
  holdTimeouts(t)
  const { enqueue } = requireMail(fastify)
  let lookups = 0
  enqueue(async () => { await Promise.resolve(lookups++) })
  enqueue(async () => {
    if (lookups++ < 3) throw new Error('Hasura is away')
    return { name: 'password-changed', to: 'found@b.test' }
  })
  t.equal(lookups, 0, 'it has not begun')
  t.strictSame((await next()).to, ['found@b.test'])
  t.equal(lookups, 4)
  enqueue(async () => { throw new Error('Hasura is away') })
  await until(() => log().some(({ msg }) => msg === 'a mail was given up'))
  t.match(log().at(-1), { level: 50, reason: 'failed', err: { message: 'Hasura is away' } })
  const { values } = await fastify.metrics.getSingleMetric('hasura_jwt_auth_mails_total')?.get() ?? { values: [] }
  const counted = values.filter(({ value }) => value > 0).map(({ labels, value }) => ({ ...labels, value }))
  t.strictSame(counted, [
    { mail: 'password-changed', outcome: 'sent', value: 1 }, { mail: 'lookup', outcome: 'failed', value: 1 }
  ])
})

t.test('lookups leave room in the queue for mails that need none', async (t) => {
  const { settings, next } = await smtpServer(t)
  const { fastify, log } = await service(t, settings)
  const { enqueue, send } = requireMail(fastify)
  const answers: Array<() => void> = []
  const find = async () => new Promise<undefined>((resolve) => { answers.push(() => { resolve(undefined) }) })
  for (let lookup = 0; lookup < maxLengthForLookups; lookup++) enqueue(find)
  t.equal(log().some(({ msg }) => msg === 'a mail was given up'), false)
  enqueue(find)
  t.match(log().at(-1), { level: 50, reason: 'dropped', msg: 'a mail was given up' })
  send({ name: 'password-changed', to })
  let isSent = false
  void next().then(() => { isSent = true })
  await until(() => {
    for (const answer of answers.splice(0)) answer()
    return isSent
  })
})

t.test('without SMTP_URL an action that needs mail answers not-configured', async (t) => {
  const { fastify } = await service(t)
  t.throws(() => requireMail(fastify), { code: 'not-configured' })
  fastify.post('/needs-mail', async () => { requireMail(fastify) })
  const { statusCode, body } = await fastify.inject({ method: 'POST', url: '/needs-mail' })
  t.equal(statusCode, 400)
  t.strictSame(JSON.parse(body), failure('not-configured', 'There is no mail: set SMTP_URL'))
})

t.test('the shutdown waits for mails, for a part of its grace, and then gives up what is left', async (t) => {
  const { settings, received } = await smtpServer(t)
  const patient = await service(t, { ...settings, SHUTDOWN_GRACE_SECONDS: '300' })
  for (const mail of mails) patient.fastify.mail?.send(mail)
  await patient.fastify.close()
  t.equal(received.length, mails.length)
  t.notMatch(JSON.stringify(patient.log()), 'given up')

  const server = await faultySmtpServer(t, { greeting: () => { /* It hangs. */ } })
  const { fastify, log } = await service(t, server.settings)
  await fastify.ready()
  for (const mail of mails) fastify.mail?.send(mail)
  await until(() => server.steps.length > 0)
  await fastify.close()
  fastify.mail?.send({ name: 'password-changed', to })
  const givenUp = log().filter(({ msg }) => msg === 'a mail was given up')
  t.strictSame(givenUp.map(({ mail, reason }) => ({ mail, reason })), (
    [...mails, { name: 'password-changed' }].map(({ name }) => ({ mail: name, reason: 'abandoned' }))
  ))
  const page = await fastify.metrics.metrics()
  t.match(page, 'hasura_jwt_auth_mails_total{mail="verify-email",outcome="abandoned"} 1')
  t.match(page, 'hasura_jwt_auth_mail_queue_length 0')
})

t.test('durations are written in the largest unit that fits', async (t) => {
  const table: Array<[number, string]> = [
    [60, '1 minute'], [61, '61 seconds'], [90, '90 seconds'], [1800, '30 minutes'], [3600, '1 hour'], [5400, '90 minutes'],
    [7200, '2 hours'], [86_400, '1 day'], [129_600, '36 hours'], [604_800, '7 days'], [1, '1 second']
  ]
  for (const [seconds, text] of table) t.equal(formatDuration(seconds), text)
})

t.test('every mail fits a narrow and a wide window, and loads nothing', { skip: skipBrowser }, async (t) => {
  const { settings, next } = await smtpServer(t)
  const { fastify } = await service(t, settings)
  const page = await openPage(t)
  const requests: string[] = []
  page.on('request', (request) => { requests.push(request.url()) })
  for (const mail of mails) {
    requireMail(fastify).send({ ...mail, to: `${'a'.repeat(60)}@b.test` })
    const { mail: { html } } = await next()
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 600 })
      await page.setContent(String(html))
      t.equal(await page.evaluate('document.documentElement.scrollWidth'), width, `${mail.name} at ${width}`)
    }
    const links = await page.locator('a').evaluateAll(links => links.map(link => link.getAttribute('href')))
    t.strictSame(links, 'token' in mail ? [`https://app.test/${mail.name}#token=${token}`] : [])
  }
  t.strictSame(requests, [])
})
