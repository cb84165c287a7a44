import { once } from 'node:events'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { createTransport } from 'nodemailer'
import t from 'tap'
import type { Test } from 'tap'
import { catchMail } from '../../src/sandbox/mail-catcher.ts'
import { addMailPages } from '../../src/sandbox/mail-pages.ts'

async function catcher (t: Test) {
  const lines: string[] = []
  const running = await catchMail((line) => { lines.push(line) })
  t.teardown(running.close)
  // One connection for all mails: the server greets each new one after a tenth of a second.
  const transport = createTransport(`${running.url}/?pool=true&maxConnections=1&maxMessages=1000`)
  t.teardown(() => { transport.close() })
  return { ...running, lines, transport }
}

const mail = { from: 'from@test.com', date: new Date('2026-01-02T03:04:05Z') }

t.test('a mail is in the inbox as soon as it is accepted, and one line names recipient, subject and link', async (t) => {
  const { inbox, lines, transport } = await catcher(t)
  const link = 'https://app.test/reset-password#token=AQ'
  const text = `Open this page:\n\n${link}\n\nor https://elsewhere.test`
  const html = `<p><a href="${link}">Set a new password</a></p>`
  await transport.sendMail({ ...mail, to: { name: '', address: 'ann@test.com' }, subject: 'Set a new password', text, html })
  await transport.sendMail({ ...mail, to: { name: 'B, C', address: 'b@xn--bcher-kva.test' }, subject: 'Grüße\u0007', text: 'Grüße' })
  const date = '2026-01-02T03:04:05.000Z'
  t.strictSame(inbox.map(caught => ({ ...caught, text: caught.text.trim(), html: caught.html.trim() })), [
    { id: 1, to: 'ann@test.com', subject: 'Set a new password', text, html, date },
    { id: 2, to: 'b@xn--bcher-kva.test', subject: 'Grüße\u0007', text: 'Grüße', html: '', date }
  ])
  t.strictSame(lines, [
    `Mail to ann@test.com: Set a new password: ${link}`,
    'Mail to b@xn--bcher-kva.test: Grüße : no link'
  ])
})

t.test('the inbox keeps the last 100 mails', async (t) => {
  const { inbox, transport } = await catcher(t)
  for (let number = 1; number <= 102; number++) await transport.sendMail({ ...mail, to: 'ann@test.com', subject: String(number) })
  t.strictSame(inbox.map(({ subject }) => Number(subject)), Array.from({ length: 100 }, (_, index) => index + 3))
})

t.test('a broken connection does not stop the catcher, and an idle one does not delay its end', async (t) => {
  const { url, inbox, transport, close } = await catcher(t)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'data')
  socket.write('EHLO test\r\nMAIL FROM:<a@test.com>\r\nRCPT TO:<b@test.com>\r\nDATA\r\nSubject: half a mail')
  socket.resetAndDestroy()
  await transport.sendMail({ ...mail, to: 'ann@test.com', subject: 'next' })
  t.strictSame(inbox.map(({ subject }) => subject), ['next'])
  const idle = connect(Number(new URL(url).port), '127.0.0.1')
  await once(idle, 'data')
  const closed = once(idle, 'close')
  await close()
  await closed
})

t.test('the pages of docs/mail.md are served byte for byte, the inbox and its mails without CORS headers', async (t) => {
  const server = Fastify()
  server.addHook('onRequest', async (_request, reply) => { reply.header('access-control-allow-origin', '*') })
  const inbox = [{ id: 1, to: 'ann@test.com', subject: 'one', text: 'text', html: '<p>text</p>', date: '2026-01-02T03:04:05.000Z' }]
  addMailPages(server, inbox)
  const documentation = readFileSync('docs/mail.md', 'utf8')
  for (const path of ['/reset-password', '/verify-email', '/confirm-email']) {
    const { statusCode, headers, body } = await server.inject(path)
    t.equal(statusCode, 200)
    t.equal(headers['content-type'], 'text/html; charset=utf-8')
    t.match(body, /^<!doctype html>\n[^]*<\/script>\n$/)
    const [, section = ''] = documentation.split(`\`${path}\`\n`)
    t.ok(section.split('\n### ')[0]?.includes(`\n\`\`\`html\n${body}\`\`\`\n`), `${path} is in its section`)
  }
  const { headers, body } = await server.inject('/inbox.json')
  t.strictSame(JSON.parse(body), inbox)
  t.equal(headers['access-control-allow-origin'], undefined)
  const rendered = await server.inject('/inbox/1')
  t.equal(rendered.body, '<base target="_blank"><p>text</p>')
  t.match(rendered.headers['content-security-policy'], /^sandbox allow-popups [\w-]+; default-src 'none';/)
  t.equal(rendered.headers['access-control-allow-origin'], undefined)
  t.equal((await server.inject('/inbox/2')).statusCode, 404)
})

t.test('there is no inbox if the mails go elsewhere', async (t) => {
  const server = Fastify()
  addMailPages(server, undefined)
  t.equal((await server.inject('/inbox.json')).statusCode, 404)
  t.equal((await server.inject('/verify-email')).statusCode, 200)
})
