import t from 'tap'
import { parseAppUrl, parseMailFrom, parseSmtpUrl } from '../../src/mail/mail-settings.ts'
import { service } from '../support/service.ts'
import { mailSettings } from '../support/smtp-servers.ts'

function failureOf (run: () => unknown): Error {
  try {
    return new Error(`no failure: ${JSON.stringify(run())}`)
  } catch (error) {
    return error as Error
  }
}

t.test('SMTP_URL: TLS, STARTTLS or neither, the port and the credentials', async (t) => {
  const auth = { user: 'user', pass: 'p@ss/w#rd?' }
  const encoded = 'user:p%40ss%2Fw%23rd%3F'
  const table: Array<[string, object]> = [
    ['smtps://mail.test', { host: 'mail.test', port: 465, secure: true, requireTLS: false }],
    ['smtps://mail.test:2465/', { host: 'mail.test', port: 2465, secure: true, requireTLS: false }],
    [`smtps://${encoded}@mail.test`, { host: 'mail.test', port: 465, secure: true, requireTLS: false, auth }],
    ['smtp://mail.test', { host: 'mail.test', port: 587, secure: false, requireTLS: false }],
    ['smtp://mail.test:25', { host: 'mail.test', port: 25, secure: false, requireTLS: false }],
    [`smtp://${encoded}@mail.test`, { host: 'mail.test', port: 587, secure: false, requireTLS: true, auth }],
    [`smtp://${encoded}@192.0.2.1`, { host: '192.0.2.1', port: 587, secure: false, requireTLS: true, auth }],
    [`smtp://${encoded}@[2001:db8::1]`, { host: '2001:db8::1', port: 587, secure: false, requireTLS: true, auth }],
    [`smtp://${encoded}@0.0.0.0`, { host: '0.0.0.0', port: 587, secure: false, requireTLS: true, auth }],
    [`smtp://${encoded}@localhost.mail.test`, { host: 'localhost.mail.test', port: 587, secure: false, requireTLS: true, auth }],
    [`smtp://${encoded}@localhost`, { host: 'localhost', port: 587, secure: false, requireTLS: false, auth }],
    [`smtp://${encoded}@127.0.0.2:1025`, { host: '127.0.0.2', port: 1025, secure: false, requireTLS: false, auth }],
    [`smtp://${encoded}@[::1]`, { host: '::1', port: 587, secure: false, requireTLS: false, auth }]
  ]
  for (const [url, server] of table) t.strictSame(parseSmtpUrl(url), server, url)
  t.equal(parseSmtpUrl(undefined), undefined)
})

t.test('SMTP_URL that is not a URL of an SMTP server is refused, and never repeated', async (t) => {
  const table = [
    'mail.test', 'hunter2', 'http://mail.test', 'smtp:mail.test', 'smtp://', 'smtp:///', 'smtp://mail.test:port', 'smtp://mail.test:65536',
    'smtp://user:hunter2', 'smtp://user:hun/ter2@mail.test', 'smtp://user:hun#ter2@mail.test', 'smtp://user:hun?ter2@mail.test',
    'smtp://user:hunter2%@mail.test', 'smtp://user%ff:hunter2@mail.test', 'smtp://user@mail.test', 'smtp://:hunter2@mail.test',
    'smtp://mail.test/path', 'smtp://mail.test?requireTLS=false', 'smtp://mail.test/?tls.rejectUnauthorized=false', 'smtp://mail.test#a'
  ]
  for (const url of table) {
    const error = failureOf(() => parseSmtpUrl(url))
    t.match(error, { name: 'ConfigError', message: /^SMTP_URL is not a URL of an SMTP server: use one such as smtps:/ }, url)
    t.notMatch(error.message, /hun|ter2/)
  }
})

t.test('MAIL_FROM: an address, or a name and an address', async (t) => {
  const address = 'no-reply@app.test'
  const table: Array<[string, object]> = [
    [address, { name: '', address }],
    [` ${address} `, { name: '', address }],
    [`<${address}>`, { name: '', address }],
    [`Example <${address}>`, { name: 'Example', address }],
    [`"Example, Inc." <${address}>`, { name: 'Example, Inc.', address }],
    [`Example, Inc.  <${address}>`, { name: 'Example, Inc.', address }],
    [`Müller & Söhne <${address}>`, { name: 'Müller & Söhne', address }],
    ['Example <no-reply@münchen.test>', { name: 'Example', address: 'no-reply@xn--mnchen-3ya.test' }]
  ]
  for (const [text, sender] of table) t.strictSame(parseMailFrom(text), sender, text)
  t.equal(parseMailFrom(undefined), undefined)

  const refused = [
    'Example', 'a@b@c.test', 'a@b.test, c@d.test', '<a@b.test>, <c@d.test>', 'Example <a@b.test> more', 'Example <a@b.test', 'Example a@b.test',
    'a@b.test\r\nBcc: c@d.test', 'Example\r\nBcc: c@d.test <a@b.test>', 'Example <a@b.test\n>, c@d.test', 'Exam\u0000ple <a@b.test>', '<>'
  ]
  for (const text of refused) {
    const message = /^MAIL_FROM is not an address: use one such as no-reply@example\.com, or a name and an address/
    t.match(failureOf(() => parseMailFrom(text)), { name: 'ConfigError', message }, text)
  }
})

t.test('APP_URL may have a path, and loses a slash at the end', async (t) => {
  const table = [
    ['https://app.test', 'https://app.test'],
    ['https://app.test/', 'https://app.test'],
    ['http://localhost:5173/', 'http://localhost:5173'],
    ['https://app.test/account/', 'https://app.test/account'],
    ['https://app.test/account//', 'https://app.test/account'],
    ['https://münchen.test/ä b', 'https://xn--mnchen-3ya.test/%C3%A4%20b']
  ] as const
  for (const [text, url] of table) t.equal(parseAppUrl(text), url)
  t.equal(parseAppUrl(undefined), undefined)

  const refused = [
    'app.test', '/account', 'ftp://app.test', 'javascript:alert(1)', 'https://', 'https://app.test?a=b', 'https://app.test/?', 'https://app.test#a',
    'https://app.test/#', 'https://user:hunter2@app.test', 'https://hunter2@app.test'
  ]
  for (const text of refused) {
    const error = failureOf(() => parseAppUrl(text))
    t.match(error, { name: 'ConfigError', message: /^APP_URL is not the URL of an app: use one such as https:/ }, text)
    t.notMatch(error.message, 'hunter2')
  }
})

t.test('SMTP_URL needs three other variables, and one run names everything that is missing or unusable', async (t) => {
  const without = (...names: string[]) => ({ ...mailSettings, ...Object.fromEntries(names.map(name => [name, ''])) })
  const table: Array<[object, string[]]> = [
    [without('TOKEN_SECRET'), ['SMTP_URL needs TOKEN_SECRET: set that too, or unset it']],
    [without('TOKEN_SECRET', 'MAIL_FROM', 'APP_URL'), ['SMTP_URL needs TOKEN_SECRET, MAIL_FROM and APP_URL: set that too, or unset it']],
    [without('MAIL_FROM', 'APP_URL'), ['SMTP_URL needs MAIL_FROM and APP_URL: set that too, or unset it']],
    [{ UNVERIFIED_ROLE: 'unverified' }, ['UNVERIFIED_ROLE needs SMTP_URL: set that too, or unset it']],
    ...['admin', 'anonymous', 'public'].map((role): [object, string[]] => (
      [{ ...mailSettings, UNVERIFIED_ROLE: role, ...role === 'public' && { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: role } },
        ['UNVERIFIED_ROLE must be a role of its own, such as unverified: not admin, and not the unauthorized role']]
    )),
    [{ ...mailSettings, MAILED_TOKEN_TTL_SECONDS: '59' },
      ['MAILED_TOKEN_TTL_SECONDS is unusable: it must be a number of seconds from 60 to 604800']],
    [{ ...mailSettings, SMTP_URL: 'hunter2', MAIL_FROM: 'hunter2', APP_URL: 'hunter2', MAIL_TEMPLATES_DIR: '/hunter2', PORT: 'hunter2' }, [
      'APP_URL is not .*', 'MAIL_FROM is not .*', 'MAIL_TEMPLATES_DIR cannot be read: ENOENT', 'PORT is unusable: .*', 'SMTP_URL is not .*'
    ]]
  ]
  for (const [env, lines] of table) {
    const error = await service(t, { ...env }).then(() => new Error('it started'), (error: unknown) => error as Error)
    t.match(error.message.split('\n').sort().join('\n'), new RegExp(`^${lines.join('\n')}$`))
    t.notMatch(error.message, 'hunter2')
  }
})

t.test('without SMTP_URL there is no mail, and the other variables of mail do nothing', async (t) => {
  const { fastify } = await service(t, { ...mailSettings, SMTP_URL: '', MAIL_TEMPLATES_DIR: '/nothing' })
  t.equal(fastify.mail, undefined)
})
