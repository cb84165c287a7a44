import t from 'tap'
import { service } from '../support/service.ts'
import { smtpServer } from '../support/smtp-servers.ts'

t.test('a mail arrives with its text, its HTML and its headers', async (t) => {
  const { settings, next } = await smtpServer(t)
  const { fastify } = await service(t, settings)
  fastify.mail?.send({ name: 'reset-password', to: 'a@b.test', token: 'abc' })
  const { mail, to } = await next()
  t.strictSame(to, ['a@b.test'])
  t.equal(mail.subject, 'Reset your password')
})
