import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { configSchema } from '../src/plugins/config.ts'

interface Service { ports?: string[], volumes?: string[], environment: Record<string, string> }

const text = readFileSync('compose.yaml', 'utf8')
const { services } = parse(text) as { services: Record<'postgres' | 'graphql-engine' | 'auth', Service> }

t.test('compose publishes on loopback alone and mounts what is there', async (t) => {
  for (const { ports = [], volumes = [] } of Object.values(services)) {
    for (const port of ports) t.match(port, /^127\.0\.0\.1:/)
    for (const volume of volumes.filter(volume => volume.startsWith('.'))) {
      t.ok(existsSync(volume.split(':')[0] ?? ''), volume)
    }
  }
})

t.test('every secret that compose wants is in .env.example', async (t) => {
  const example = readFileSync('.env.example', 'utf8')
  const names = Array.from(text.matchAll(/\$\{(\w+):\?/g), ([, name]) => name ?? '')
  t.strictSame(names.length, 4)
  for (const name of names) t.match(example, new RegExp(`^#?${name}=`, 'm'))
})

t.test('Hasura gets every variable that its metadata reads', async (t) => {
  const actions = readFileSync('hasura/metadata/actions.yaml', 'utf8')
  const databases = readFileSync('hasura/metadata/databases/databases.yaml', 'utf8')
  const wanted = `${actions}${databases}`.matchAll(/\{\{(\w+)\}\}|(?:value_)?from_env: (\w+)/g)
  const names = new Set(Array.from(wanted, ([, template, variable]) => template ?? variable ?? ''))
  t.strictSame([...names].sort(), ['ACTION_BASE_URL', 'ACTION_SECRET', 'PG_DATABASE_URL'])
  for (const name of names) t.ok(services['graphql-engine'].environment[name], name)
})

t.test('the service gets every variable of .env', async (t) => {
  const names = Object.keys(configSchema.properties).filter(name => !['HOST', 'PORT'].includes(name))
  for (const name of names) t.ok(services.auth.environment[name], name)
})

t.test('both sides get the same secrets', async (t) => {
  for (const name of ['HASURA_GRAPHQL_ADMIN_SECRET', 'HASURA_GRAPHQL_JWT_SECRET', 'ACTION_SECRET']) {
    t.match(services['graphql-engine'].environment[name], `\${${name}`)
    t.equal(services.auth.environment[name], `\${${name}}`)
  }
})

t.test('the image copies what is there, is not root, and has node as its process', async (t) => {
  const dockerfile = readFileSync('Dockerfile', 'utf8')
  for (const [, sources = ''] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources.split(' ')) t.ok(existsSync(source), source)
  }
  t.match(dockerfile, /^USER node$/m)
  t.match(dockerfile, /^CMD \["node", "dist\/server\.js"\]$/m)
  t.match(dockerfile, /SIGNUP_PASSWORD_FIELD=redacted/)
})
