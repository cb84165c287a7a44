import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { service } from './support/service.ts'
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
  const { fastify } = await service(t)
  t.strictSame([...documented].sort(), fastify.metrics.getMetricsAsArray().map(({ name }) => name).sort())
})

t.test('the table of types and shapes is the one that a token of each is tried with', async (t) => {
  const table = readFileSync('docs/keys.md', 'utf8').split('## Types × shapes')[1]?.split('\n## ')[0] ?? ''
  const rows = table.split('\n').filter(line => line.startsWith('|')).map(row => row.slice(2, -2).split(' | '))
  const marks = types.map(() => '✓')
  t.strictSame(rows[0]?.slice(1), types)
  t.strictSame(rows.slice(2), Object.keys(shapes).map(name => [`\`${name}\``, ...marks]))
})

t.test('every link between the pages leads somewhere', async (t) => {
  const pages = ['README.md', ...readdirSync('docs').map(name => `docs/${name}`)]
  for (const page of pages) {
    for (const [, target = ''] of readFileSync(page, 'utf8').matchAll(/\]\(([^)#:]+)\)/g)) {
      const path = page.startsWith('docs/') && !target.startsWith('../') ? `docs/${target}` : target.replace('../', '')
      t.doesNotThrow(() => readFileSync(path), `${page}: ${target}`)
    }
  }
})
