import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Liquid, LiquidOptions, Template } from 'liquidjs'
import { ConfigError } from '../config.ts'
import type { Environment } from '../config.ts'

/** Every mail, and the values that its templates may use beside `app_url` and `email`. */
const mails = {
  'reset-password': ['link', 'valid_for'],
  'verify-email': ['link', 'valid_for'],
  'confirm-email': ['link', 'valid_for'],
  'email-taken': [],
  'password-changed': [],
  'email-changed': ['new_email'],
  'account-deleted': []
} as const

export type MailName = keyof typeof mails
export const mailNames = Object.keys(mails) as MailName[]

const parts = ['subject', 'txt', 'html'] as const
type Part = (typeof parts)[number]

/** What a mail consists of. */
export type Content = Record<Part, string>

/** Makes the content of a mail from the values of its templates. */
export type RenderMail = (name: MailName, values: Record<string, string>) => Content

declare module 'fastify' {
  interface ParsedVariables {
    MAIL_TEMPLATES_DIR: RenderMail | undefined
  }
}

/** Values as long as real ones, for a first rendering at start. */
const sample: Record<string, string> = {
  app_url: 'https://app.example.com',
  email: 'ada@example.com',
  link: `https://app.example.com/path#token=${'x'.repeat(150)}`,
  new_email: 'ada@example.org',
  valid_for: '1 hour'
}

/** Collects the problems of the templates of `folder`, or of the project's own without one. */
function createReader (folder: string | undefined, problems: string[]) {
  const files = folder === undefined ? [] : readFolder(folder)
  const known = mailNames.flatMap(name => parts.map(part => `${name}.${part}`))
  for (const file of files) {
    if (!known.includes(file)) problems.push(`${file}: not the name of a template, which are ${known.join(', ')}`)
  }
  return function read (file: string): string {
    const path = folder !== undefined && files.includes(file)
      ? join(folder, file)
      : fileURLToPath(import.meta.resolve(`#mail-templates/${file}`))
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  }
}

/** The names in a folder. Kubernetes keeps the versions of a ConfigMap under names that start with a dot. */
function readFolder (folder: string): string[] {
  try {
    return readdirSync(folder).filter(name => !name.startsWith('.'))
  } catch (error) {
    throw new ConfigError('MAIL_TEMPLATES_DIR', `cannot be read: ${String((error as NodeJS.ErrnoException).code)}`)
  }
}

/**
 * Parses a template and renders it once.
 *
 * @throws Error that says what is wrong, with the line where possible
 */
function compile (engine: Liquid, file: string, text: string, known: string[]): Template[] {
  const template = engine.parse(text, file)
  for (const [name, [first]] of Object.entries(engine.analyzeSync(template).globals)) {
    if (known.includes(name)) continue
    throw new Error(`unknown value ${name}, line:${first?.location.row}; the known values are ${known.join(', ')}`)
  }
  const values = Object.fromEntries(known.map(name => [name, sample[name]]))
  const rendered = String(engine.renderSync(template, values)).trim()
  if (rendered === '') throw new Error('empty')
  if (file.endsWith('.subject') && rendered.includes('\n')) throw new Error('more than one line')
  return template
}

/** LiquidJS repeats the file in its messages, and gives the line as `line:3`. */
function describe (file: string, { message }: Error): string {
  return `${file}: ${message.replace(`, file:${file}`, '').replace(/, line:(\d+)(?:, col:\d+)?/, ', line $1').replaceAll('\n', ' ')}`
}

/**
 * Loads the templates of all mails, if there is an SMTP server. A file in `folder` replaces the project's own of the
 * same name.
 *
 * @throws ConfigError that names every file that is not a template, does not parse, or uses an unknown value
 */
export async function loadTemplates (
  folder: string | undefined, { SMTP_URL }: Environment
): Promise<RenderMail | undefined> {
  if (SMTP_URL === undefined) return undefined
  // Not loaded without SMTP_URL.
  const { Liquid } = await import('liquidjs')
  // Without a folder of its own, a template cannot include files.
  const options: LiquidOptions = { strictVariables: true, strictFilters: true, templates: {} }
  const plain = new Liquid(options)
  const engines: Record<Part, Liquid> = { subject: plain, txt: plain, html: new Liquid({ ...options, outputEscape: 'escape' }) }
  const problems: string[] = []
  const read = createReader(folder, problems)

  function load (name: MailName, part: Part): Template[] {
    const file = `${name}.${part}`
    try {
      return compile(engines[part], file, read(file), ['app_url', 'email', ...mails[name]])
    } catch (error) {
      problems.push(describe(file, error as Error))
      return []
    }
  }

  const templates = Object.fromEntries(mailNames.map(name => (
    [name, Object.fromEntries(parts.map(part => [part, load(name, part)]))]
  ))) as Record<MailName, Record<Part, Template[]>>
  if (problems.length > 0) throw new ConfigError('MAIL_TEMPLATES_DIR', `has unusable files: ${problems.join('; ')}`)

  return (name, values) => {
    const render = (part: Part): string => String(engines[part].renderSync(templates[name][part], values))
    return { subject: render('subject').trim(), txt: render('txt'), html: render('html') }
  }
}
