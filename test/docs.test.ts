import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'
import { ActionError, errorCodes } from '../src/errors.ts'
import type { ErrorCode } from '../src/errors.ts'
import { service } from './support/service.ts'
import { mailSettings } from './support/smtp-servers.ts'
import { shapes, types } from './support/token-shapes.ts'

const sources = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts'))

/** Every string in the tests. A title such as `${store}: one title` is found without its prefix, too. */
const strings = new Set(sources.flatMap((name) => {
  const literals = readFileSync(`test/${name}`, 'utf8').matchAll(/(['`])((?:\\.|(?!\1).)+)\1/g)
  return Array.from(literals, ([, , text = '']) => text.replaceAll('\\\'', '\'')).flatMap(text => [text, text.replace(/^.*?: /, '')])
}))

/** The rows of the first table after a heading, each as a list of cells. */
function tableAfter (heading: string, page: string): string[][] {
  const [, section = ''] = readFileSync(page, 'utf8').split(`\n${heading}\n`)
  const [table = ''] = /^\|[^]*?\n(?!\|)/m.exec(section) ?? []
  return table.trimEnd().split('\n').slice(2).map(row => row.slice(2, -2).split(' | '))
}

/** The titles that a cell cites: all code with a space in it. */
function titlesIn (cell = ''): string[] {
  return Array.from(cell.matchAll(/`([^`]+)`/g), ([, code = '']) => code).filter(code => code.includes(' '))
}

t.test('every test that the security checklist cites exists, and a row without a test gives a reason', async (t) => {
  const rows = tableAfter('## Checklist', 'docs/security.md')
  t.ok(rows.length > 30)
  t.strictSame(rows.flatMap(([, , cell]) => titlesIn(cell)).filter(title => !strings.has(title)), [], 'titles without a test')
  for (const [item = '', , cell = ''] of rows) t.ok(cell.length > 10, item)
})

t.test('every fault on the operations page cites tests that exist', async (t) => {
  const rows = tableAfter('## What happens when', 'docs/operations.md')
  t.ok(rows.length >= 9)
  t.strictSame(rows.flatMap(row => titlesIn(row.at(-1))).filter(title => !strings.has(title)), [], 'titles without a test')
  for (const row of rows) t.ok(titlesIn(row.at(-1)).length > 0 || row.at(-1) === 'the same', String(row[0]))
})

t.test('every metric is on the operations page, and no other', async (t) => {
  const documented = new Set(readFileSync('docs/operations.md', 'utf8').match(/^\| `hasura_jwt_auth_\w+`/gm)?.map(cell => cell.slice(3, -1)))
  const { fastify } = await service(t, mailSettings)
  t.strictSame([...documented].sort(), fastify.metrics.getMetricsAsArray().map(({ name }) => name).sort())
})

t.test('docs/webhook.md lists every error code with its status, and the README no unknown code', async (t) => {
  const rows = tableAfter('## Errors', 'docs/webhook.md').map(([code = '', status]) => `${code.slice(1, -1)} ${String(status)}`)
  const codes = errorCodes as ErrorCode[]
  t.strictSame(rows.sort(), codes.map(code => `${code} ${new ActionError(code, '').statusCode}`).sort())

  const [, section = ''] = readFileSync('README.md', 'utf8').split('| `extensions.code` |')
  const [table = ''] = section.split('\n\n')
  const clients = Array.from(table.matchAll(/^\| (`[^|]+`) \|/gm), ([, cell = '']) => cell.slice(1, -1).split('`, `')).flat()
  t.ok(clients.length > 5)
  // The last two are Hasura's own.
  t.strictSame(clients.filter(code => ![...errorCodes, 'unexpected', 'invalid-jwt'].includes(code)), [])
})

t.test('docs/keys.md says how many types and shapes of tokens are tested', async (t) => {
  const page = readFileSync('docs/keys.md', 'utf8').replaceAll('\n', ' ')
  t.match(page, `each of the ${types.length} types in ${Object.keys(shapes).length} combinations`)
})

const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').filter(name => name.endsWith('.md')).map(name => `docs/${name}`)]

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf (page: string): string[] {
  const headings = readFileSync(page, 'utf8').replaceAll(/^```[^]*?^```/gm, '').matchAll(/^#+ (.*)$/gm)
  return Array.from(headings, ([, heading = '']) => heading.toLowerCase().replaceAll(/[^\w -]/g, '').replaceAll(' ', '-'))
}

t.test('every link between the pages leads to a page and a heading', async (t) => {
  for (const page of pages) {
    for (const [link, file, anchor] of readFileSync(page, 'utf8').matchAll(/\]\(([^)#:]*)(?:#([^)]+))?\)/g)) {
      const target = file ? join(dirname(page), file) : page
      t.ok(existsSync(target), `${page}: ${link}`)
      if (anchor !== undefined) t.ok(anchorsOf(target).includes(anchor), `${page}: ${link}`)
    }
  }
})

t.test('the index lists every page', async (t) => {
  const index = readFileSync('docs/README.md', 'utf8')
  for (const page of pages.slice(2)) t.ok(page === 'docs/README.md' || index.includes(`](${page.slice(5)}`), page)
})

t.test('CONTRIBUTING.md lists the files and folders in the order that the import rule checks', async (t) => {
  const { default: { forbidden } } = await import(resolve('.dependency-cruiser.js')) as { default: { forbidden: Array<{ name: string }> } }
  const rule = ' imports nothing above it'
  const entries = forbidden.filter(({ name }) => name.endsWith(rule)).map(({ name }) => name.replace(rule, ''))
  const [, list = ''] = /^server\.ts.*\n([^]*?)^```/m.exec(readFileSync('CONTRIBUTING.md', 'utf8')) ?? []
  const documented = Array.from(list.matchAll(/^[\w.-]+/gm), ([name]) => name)
  t.strictSame(documented, entries.filter(name => existsSync(`src/${name}`)))
})

/** Lines of the service that hold code: no blank lines, no comments, nothing generated, no commands, no sandbox. */
function countCodeLines (): number {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(ts|cjs)$/.test(name) && !/^(cli|generated|sandbox)\//.test(name))
  const lines = files.flatMap(name => readFileSync(`src/${name}`, 'utf8').split('\n'))
  return lines.filter(line => !/^\s*($|\/\/|\/?\*)/.test(line)).length
}

t.test('the README does not understate the size of the service', async (t) => {
  const [, size = ''] = /fewer than ([\d,]+) lines of code/.exec(readFileSync('README.md', 'utf8')) ?? []
  t.ok(countCodeLines() < Number(size.replace(',', '')))
})
