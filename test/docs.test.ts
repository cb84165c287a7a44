import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { service } from './support/service.ts'
import { shapes, types } from './support/token-shapes.ts'

const sources = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts'))
const tests = sources.map(name => readFileSync(`test/${name}`, 'utf8').replaceAll('\\\'', '\'')).join('\n')

t.test('every line of the security checklist names a test that is there, or gives a reason', async (t) => {
  const checklist = readFileSync('docs/security.md', 'utf8').split('## Checklist')[1] ?? ''
  const rows = checklist.split('\n').filter(line => /^\| (ASVS|NIST) /.test(line))
  t.ok(rows.length > 30)
  for (const row of rows) {
    const [item = '', , shown = ''] = row.slice(2, -2).split(' | ')
    const titles = Array.from(shown.matchAll(/`([^`]+)`/g), ([, title]) => title ?? '').filter(title => title.includes(' '))
    t.ok(shown.length > 10, item)
    for (const title of titles) {
      const starts = [`t.test('${title}'`, `t.test(\`${title}\``, `: ${title}\`,`, `t.test('Redis: ${title}'`]
      t.ok(starts.some(start => tests.includes(start)), `${item}: ${title}`)
    }
  }
})

t.test('every fault of the operations page names tests that are there', async (t) => {
  const table = readFileSync('docs/operations.md', 'utf8').split('## What happens when')[1]?.split('\n## ')[0] ?? ''
  const rows = table.split('\n').filter(line => line.startsWith('| ')).slice(2)
  t.ok(rows.length >= 9)
  for (const row of rows) {
    const titles = Array.from(row.split(' | ').at(-1)?.matchAll(/`([^`]+)`/g) ?? [], ([, title]) => title ?? '')
    t.ok(titles.length > 0 || row.endsWith('| the same |'), row)
    for (const title of titles) t.ok(tests.includes(`t.test('${title}'`), title)
  }
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
