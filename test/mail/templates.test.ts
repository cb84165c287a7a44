import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { loadTemplates, mailNames } from '../../src/mail/templates.ts'
import { temporaryFolder } from '../support/folders.ts'
import { service } from '../support/service.ts'
import { mailSettings } from '../support/smtp-servers.ts'

const env = { SMTP_URL: 'smtp://mail.test' }
// Before any other test.
t.test('the template engine is loaded only if SMTP_URL is set', async (t) => {
  // The engine is CommonJS, so the cache of require() shows whether it is loaded.
  const { cache } = createRequire(import.meta.url)
  const isLoaded = (): boolean => Object.keys(cache).some(file => file.includes('/liquidjs/'))
  await service(t)
  t.notOk(isLoaded())
  await service(t, mailSettings)
  t.ok(isLoaded())
})

const values = {
  app_url: 'https://app.test/?a&b', email: 'o\'brien&co@b.test', link: 'https://app.test/reset-password#token=abc', valid_for: '2 hours'
}

/** A folder with these files. */
function folderOf (t: Test, files: Record<string, string | Buffer>): string {
  const folder = temporaryFolder(t)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

async function messageOf (folder: string): Promise<string> {
  return loadTemplates(folder, env).then(() => 'it is usable', (error: unknown) => (error as Error).message)
}

t.test('every mail has a subject, a text and HTML, and no other file is in the folder', async (t) => {
  const files = mailNames.flatMap(name => [`${name}.html`, `${name}.subject`, `${name}.txt`])
  t.strictSame(readdirSync('src/mail/templates').sort(), files.sort())
})

t.test('a template of one\'s own replaces one part of one mail', async (t) => {
  const folder = folderOf(t, { 'reset-password.subject': 'Neues Passwort für {{ email }}\n', '..data': '', '.hidden': '' })
  const [own, project] = [await loadTemplates(folder, env), await loadTemplates(undefined, env)]
  const mail = own?.('reset-password', values)
  t.equal(mail?.subject, 'Neues Passwort für o\'brien&co@b.test')
  t.equal(mail?.txt, project?.('reset-password', values).txt)
  t.equal(project?.('reset-password', values).subject, 'Reset your password')
})

t.test('values are escaped in HTML, and only there', async (t) => {
  const folder = folderOf(t, {
    'reset-password.html': '<a href="{{ app_url }}">{{ email }}</a>', 'reset-password.txt': '{{ app_url }} {{ email }}'
  })
  const mail = (await loadTemplates(folder, env))?.('reset-password', { ...values, email: '"><script>\'@b.test' })
  t.equal(mail?.html, '<a href="https://app.test/?a&amp;b">&#34;&gt;&lt;script&gt;&#39;@b.test</a>')
  t.equal(mail?.txt, 'https://app.test/?a&b "><script>\'@b.test')
})

t.test('a template that cannot work stops the start, and the message names the file, the line and what is known', async (t) => {
  const known = 'the known values are app_url, email, link, valid_for'
  const html = (text: string, problem: string): [Record<string, string>, string] => (
    [{ 'reset-password.html': text }, `reset-password.html: ${problem}`]
  )
  const table: Array<[Record<string, string | Buffer>, string]> = [
    html('a\n{{ link', 'output "{{ link" not closed, line 2'),
    html('a\n\n{% if link %}', 'tag {% if link %} not closed, line 3'),
    html('{% frob %}', 'tag "frob" not found, line 1'),
    html('{{ link | frob }}', 'undefined filter: frob, line 1'),
    html('a\n{{ user.name }}', `unknown value user, line 2; ${known}`),
    html('{{ new_email }}', `unknown value new_email, line 1; ${known}`),
    html('{% if false %}\n{{ nobody }}{% endif %}', `unknown value nobody, line 2; ${known}`),
    html('{{ __proto__ }}', `unknown value __proto__, line 1; ${known}`),
    html('{{ link.host }}', 'undefined variable: link.host, line 1'),
    html('a\n{% include "/etc/passwd" %}', 'ENOENT: Failed to lookup "/etc/passwd" in "."'),
    html('a\n{% render "account-deleted.html" %}', 'ENOENT: Failed to lookup "account-deleted.html" in "."'),
    html(' \n', 'empty'),
    [{ 'reset-password.subject': 'two\nlines' }, 'reset-password.subject: more than one line'],
    [{ 'account-deleted.txt': '{{ link }}' }, 'account-deleted.txt: unknown value link, line 1; the known values are app_url, email'],
    [{ 'account-deleted.txt': Buffer.from([0x4d, 0xfc]) }, 'account-deleted.txt: The encoded data was not valid for encoding utf-8'],
    [{ 'reset-pasword.html': '' }, `reset-pasword.html: not the name of a template, which are ${mailNames.flatMap(name => (
      [`${name}.subject`, `${name}.txt`, `${name}.html`]
    )).join(', ')}`]
  ]
  for (const [files, problem] of table) {
    t.equal(await messageOf(folderOf(t, files)), `MAIL_TEMPLATES_DIR has unusable files: ${problem}`)
  }
  t.equal(
    await messageOf(folderOf(t, { 'account-deleted.txt': '{{ a }}', 'verify-email.html': '{{' })),
    'MAIL_TEMPLATES_DIR has unusable files: verify-email.html: output "{{" not closed, line 1; '
    + 'account-deleted.txt: unknown value a, line 1; the known values are app_url, email',
    'all of them'
  )
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'verify-email.txt'))
  t.match(await messageOf(folder), /^MAIL_TEMPLATES_DIR has unusable files: verify-email.txt: EISDIR/)
  t.equal(await messageOf(join(folder, 'nothing')), 'MAIL_TEMPLATES_DIR cannot be read: ENOENT')
})
