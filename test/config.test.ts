import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import { parse } from 'yaml'
import config, { ConfigError, configSchema } from '../src/config.ts'
import { pairFor, privatePem, publicPem } from './support/key-pairs.ts'
import { service, settings } from './support/service.ts'

const required = {
  HASURA_GRAPHQL_ENDPOINT: 'http://hasura:8080', HASURA_GRAPHQL_ADMIN_SECRET: 'secret', HASURA_GRAPHQL_JWT_SECRET: '{}'
}

async function load (env: Record<string, string | undefined>) {
  const lines: string[] = []
  const fastify = Fastify({ logger: { stream: { write: (line) => { lines.push(line) } } } })
  t.teardown(() => fastify.close())
  await fastify.register(config, { env })
  return { config: fastify.config, warnings: lines.map(line => (JSON.parse(line) as { msg: string }).msg) }
}

async function messageOf (loading: Promise<unknown>): Promise<string> {
  const error = await loading.then(() => undefined, (error: unknown) => error)
  return error instanceof ConfigError ? error.message : `no ConfigError: ${String(error)}`
}

t.test('the defaults are those of the contract', async (t) => {
  t.strictSame((await load(required)).config, {
    ...required,
    HOST: '127.0.0.1',
    PORT: 3000,
    LOG_LEVEL: 'info',
    HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'anonymous',
    ACCESS_TOKEN_TTL_SECONDS: 3600,
    SESSION_TTL_SECONDS: 2_592_000,
    SESSION_IDLE_SECONDS: 1_209_600,
    REFRESH_GRACE_SECONDS: 60,
    REFRESH_COOKIE: 'off',
    MAILED_TOKEN_TTL_SECONDS: 3600,
    JWKS_MAX_AGE_SECONDS: 300,
    ARGON2_MEMORY_KIB: 19456,
    ARGON2_PASSES: 2,
    ARGON2_LANES: 1,
    PASSWORD_QUEUE_MILLISECONDS: 5000,
    SIGNUP_PASSWORD_FIELD: 'hash',
    PASSWORD_BLOCKLIST: 'off',
    LOGIN_LIMIT_PER_ACCOUNT: 10,
    LOGIN_LIMIT_PER_ADDRESS: 100,
    LOGIN_WINDOW_SECONDS: 900,
    SIGNUP_LIMIT_PER_ADDRESS: 20,
    HASURA_TIMEOUT_SECONDS: 8,
    SHUTDOWN_DELAY_SECONDS: 0,
    SHUTDOWN_GRACE_SECONDS: 20
  })
})

t.test('access tokens live for 15 minutes if they can be refreshed, unless their lifetime is set', async (t) => {
  const TOKEN_SECRET = 'a'.repeat(32)
  const table: Array<[Record<string, string>, number]> = [
    [{}, 3600], [{ TOKEN_SECRET: '' }, 3600], [{ TOKEN_SECRET }, 900],
    [{ TOKEN_SECRET, ACCESS_TOKEN_TTL_SECONDS: '' }, 900], [{ TOKEN_SECRET, ACCESS_TOKEN_TTL_SECONDS: '60' }, 60],
    [{ ACCESS_TOKEN_TTL_SECONDS: '60' }, 60]
  ]
  for (const [env, seconds] of table) {
    t.equal((await load({ ...required, ...env })).config.ACCESS_TOKEN_TTL_SECONDS, seconds, JSON.stringify(env))
  }
})

t.test('the environment of the process is not read', async (t) => {
  process.env['SIGNUP_PASSWORD_FIELD'] = 'redacted'
  t.teardown(() => { delete process.env['SIGNUP_PASSWORD_FIELD'] })
  t.equal((await load(required)).config.SIGNUP_PASSWORD_FIELD, 'hash')
})

t.test('an empty value counts as unset', async (t) => {
  const { config: { PORT, ACTION_SECRET } } = await load({ ...required, PORT: '', ACTION_SECRET: '' })
  t.strictSame([PORT, ACTION_SECRET], [3000, undefined])
})

t.test('a missing or unusable value is one line that names the variable, and never the value', async (t) => {
  const table: Array<[Record<string, string | undefined>, RegExp]> = [
    [{ HASURA_GRAPHQL_ENDPOINT: undefined }, /^HASURA_GRAPHQL_ENDPOINT is missing: it must be the base URL of Hasura/],
    [{ HASURA_GRAPHQL_ADMIN_SECRET: '' }, /^HASURA_GRAPHQL_ADMIN_SECRET is missing: it must be the admin secret/],
    [{ HASURA_GRAPHQL_JWT_SECRET: undefined }, /^HASURA_GRAPHQL_JWT_SECRET is missing: it must be the same JSON/],
    [{ PORT: 'hunter2' }, /^PORT is unusable: it must be a port number, 0 to 65535; 0 takes a free one$/],
    [{ PORT: '65536' }, /^PORT is unusable/],
    [{ PORT: '1.5' }, /^PORT is unusable/],
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL is unusable: it must be trace, debug, info, warn, error, fatal or silent$/],
    [{ ACTION_SECRET: 'hunter2' }, /^ACTION_SECRET is unusable: it must be at least 16 characters/],
    [{ ACTION_SECRET: ' hunter2 hunter2 hunter2' }, /^ACTION_SECRET is unusable: it must be at least 16 characters/],
    [{ ACTION_SECRET: 'é' }, /^ACTION_SECRET is unusable: it must be at least 16 characters/],
    [{ ACTION_SECRET_PREVIOUS: 'hunter2' }, /^ACTION_SECRET_PREVIOUS is unusable: it must be at least 16 characters/],
    [{ ACCESS_TOKEN_TTL_SECONDS: '0' }, /^ACCESS_TOKEN_TTL_SECONDS is unusable: it must be a number of seconds from 1 to 31536000$/],
    [{ TOKEN_SECRET: 'hunter2' }, /^TOKEN_SECRET is unusable: it must be at least 32 characters/],
    [{ TOKEN_SECRET: 'hunter2'.repeat(5), TOKEN_SECRET_PREVIOUS: 'hunter2' },
      /^TOKEN_SECRET_PREVIOUS is unusable: it must be at least 32 characters/],
    [{ TOKEN_SECRET_PREVIOUS: 'hunter2'.repeat(5) }, /^TOKEN_SECRET_PREVIOUS needs TOKEN_SECRET: set that too, or unset it$/],
    [{ REFRESH_COOKIE: 'on' }, /^REFRESH_COOKIE needs TOKEN_SECRET: set that too, or unset it$/],
    [{ REFRESH_COOKIE: 'on', TOKEN_SECRET: '' }, /^REFRESH_COOKIE needs TOKEN_SECRET/],
    [{ REFRESH_COOKIE: 'yes', TOKEN_SECRET: 'hunter2'.repeat(5) }, /^REFRESH_COOKIE is unusable: it must be on or off$/],
    [{ SESSION_TTL_SECONDS: '59' }, /^SESSION_TTL_SECONDS is unusable: it must be a number of seconds from 60 to/],
    [{ SESSION_IDLE_SECONDS: '59' }, /^SESSION_IDLE_SECONDS is unusable: it must be a number of seconds from 60 to/],
    [{ REFRESH_GRACE_SECONDS: '3601' }, /^REFRESH_GRACE_SECONDS is unusable: it must be a number of seconds from 0 to 3600$/],
    [{ ARGON2_MEMORY_KIB: '7' }, /^ARGON2_MEMORY_KIB is unusable/],
    [{ ARGON2_PASSES: '0' }, /^ARGON2_PASSES is unusable/],
    [{ ARGON2_LANES: '17' }, /^ARGON2_LANES is unusable/],
    [{ PORT: '3000', METRICS_PORT: '3000' }, /^METRICS_PORT is the same as PORT: set it to another port$/],
    [{ METRICS_PORT: '3000' }, /^METRICS_PORT is the same as PORT/],
    [{ METRICS_PORT: 'udp://10.0.0.7:9464' }, /^METRICS_PORT is unusable/],
    [{ SIGNUP_PASSWORD_FIELD: 'plain' }, /^SIGNUP_PASSWORD_FIELD is unusable: it must be hash or redacted$/],
    [{ CLIENT_ADDRESS_HEADER: 'X-Hasura-Address' }, /^CLIENT_ADDRESS_HEADER is unusable/],
    [{ HASURA_GRAPHQL_ADMIN_SECRET: '', HASURA_GRAPHQL_ADMIN_SECRETS: '["hunter2"]' },
      /^HASURA_GRAPHQL_ADMIN_SECRET is missing: set it to one entry of HASURA_GRAPHQL_ADMIN_SECRETS, which/],
    [{ HASURA_GRAPHQL_JWT_SECRET: '', HASURA_GRAPHQL_JWT_SECRETS: '["hunter2"]' },
      /^HASURA_GRAPHQL_JWT_SECRET is missing: set it to one entry of HASURA_GRAPHQL_JWT_SECRETS, which/]
  ]
  for (const [env, message] of table) {
    const text = await messageOf(load({ ...required, ...env }))
    t.match(text, message, JSON.stringify(env))
    t.notMatch(text, /\n|hunter2/)
  }
  // 0 takes a free port for each.
  t.match((await load({ ...required, PORT: '0', METRICS_PORT: '0' })).config, { PORT: 0, METRICS_PORT: 0 })
})

t.test('one run reports every unusable variable once, those that other plugins parse included', async (t) => {
  const env = {
    HASURA_GRAPHQL_ENDPOINT: 'http://hasura:8080/v1/graphql',
    HASURA_GRAPHQL_JWT_SECRET: 'hunter2',
    HASURA_GRAPHQL_ADMIN_SECRET: '',
    HOST: '0.0.0.0',
    PORT: 'http',
    LOG_LEVEL: 'loud',
    ACTION_SECRET: '',
    ARGON2_MEMORY_KIB: '7'
  }
  const lines = (await messageOf(service(t, env))).split('\n')
  t.strictSame(lines.map(line => line.split(' ')[0]).sort(), [
    'ACTION_SECRET', 'ARGON2_MEMORY_KIB', 'HASURA_GRAPHQL_ADMIN_SECRET', 'HASURA_GRAPHQL_ENDPOINT',
    'HASURA_GRAPHQL_JWT_SECRET', 'LOG_LEVEL', 'PORT'
  ])
  t.notMatch(lines.join(), 'hunter2')

  const parsed = { HASURA_GRAPHQL_ENDPOINT: 'hunter2', HASURA_GRAPHQL_JWT_SECRET: 'hunter2', REDIS_URL: 'redis://[hunter2' }
  t.match(await messageOf(service(t, parsed)), new RegExp([
    '^HASURA_GRAPHQL_ENDPOINT is not an http or https URL: .*',
    'HASURA_GRAPHQL_JWT_SECRET is not a JSON object: .* single quotes around it in a \\.env file.*',
    'REDIS_URL is not a URL of Redis: (?!.*hunter2).*$'
  ].join('\n')))

  const pair = pairFor('ES256')
  const publicKey = JSON.stringify({ type: 'ES256', key: publicPem(pair) })
  const block = '-----BEGIN PRIVATE KEY-----\\nhunter2\\n-----END PRIVATE KEY-----'
  const table: Array<[Record<string, string>, problems: string[]]> = [
    [{ JWT_PRIVATE_KEY: 'hunter2', JWT_PRIVATE_KEY_FILE: '/hunter2' }, ['JWT_PRIVATE_KEY_FILE and JWT_PRIVATE_KEY are both set: .*']],
    [{ JWT_PRIVATE_KEY: 'hunter2' }, ['JWT_PRIVATE_KEY is set, but type HS256 .*']],
    [{ JWT_PRIVATE_KEY_FILE: '/hunter2' }, ['JWT_PRIVATE_KEY_FILE is set, but type HS256 .*']],
    [{ HASURA_GRAPHQL_JWT_SECRET: publicKey }, ['JWT_PRIVATE_KEY is missing: .*']],
    [{ HASURA_GRAPHQL_JWT_SECRET: publicKey, JWT_PRIVATE_KEY: block }, ['JWT_PRIVATE_KEY holds a PEM block .* cannot be decoded']],
    [{ HASURA_GRAPHQL_JWT_SECRET: publicKey, JWT_PRIVATE_KEY: privatePem(pairFor('ES256')) },
      ['JWT_PRIVATE_KEY holds a private key that does not belong to .*']],
    [{ HASURA_GRAPHQL_JWT_SECRET: 'hunter2', JWT_PRIVATE_KEY: block },
      ['HASURA_GRAPHQL_JWT_SECRET is not a JSON object: .*', 'JWT_PRIVATE_KEY holds a PEM block .* cannot be decoded']],
    [{ HASURA_GRAPHQL_JWT_SECRET: '', JWT_PRIVATE_KEY: 'hunter2', JWT_PRIVATE_KEY_FILE: '/hunter2' },
      ['HASURA_GRAPHQL_JWT_SECRET is missing: .*', 'JWT_PRIVATE_KEY_FILE and JWT_PRIVATE_KEY are both set: .*']],
    [{ HASURA_GRAPHQL_JWT_SECRET: 'hunter2' }, ['HASURA_GRAPHQL_JWT_SECRET is not a JSON object: .*']]
  ]
  for (const [env, problems] of table) {
    const message = await messageOf(service(t, { PORT: 'http', ACCESS_TOKEN_TTL_SECONDS: '0', REDIS_URL: 'redis://[', ...env }))
    const expected = ['ACCESS_TOKEN_TTL_SECONDS is .*', 'PORT is .*', 'REDIS_URL is .*', ...problems].sort()
    t.match(message.split('\n').sort().join('\n'), new RegExp(`^${expected.sort().join('\n')}$`), JSON.stringify(problems))
    t.notMatch(message, 'hunter2')
  }
})

t.test('what a parser returns is kept, and the parsers after it receive it', async (t) => {
  const { fastify } = await service(t, { HASURA_GRAPHQL_ENDPOINT: 'http://hasura:8080/a', REDIS_URL: '' })
  const { HASURA_GRAPHQL_ENDPOINT, HASURA_GRAPHQL_JWT_SECRET, JWT_PRIVATE_KEY, REDIS_URL } = fastify.parsed
  t.equal(HASURA_GRAPHQL_ENDPOINT.href, 'http://hasura:8080/a')
  t.match(HASURA_GRAPHQL_JWT_SECRET, { keys: { type: 'HS256' } })
  t.match(JWT_PRIVATE_KEY, { publicKeys: undefined }, 'it depends on the secret')
  t.equal(REDIS_URL, undefined)
})

t.test('a bug in a parser is not reported as an unusable variable', async (t) => {
  const parsers = { HASURA_GRAPHQL_ENDPOINT: () => { throw new TypeError('a bug') } }
  const register = async (env: object) => {
    await Fastify().register(config, { env: { ...required, ...env }, parsers })
  }
  await t.rejects(register({ PORT: 'no' }), { name: 'TypeError', message: 'a bug' })
  await t.rejects(register({ HASURA_GRAPHQL_ENDPOINT: '' }), { name: 'ConfigError' }, 'a missing variable is not parsed')
})

t.test('a webhook that others can reach needs the action secret', async (t) => {
  for (const HOST of ['0.0.0.0', '::', '192.168.0.2', 'auth.internal', '2001:db8::1']) {
    const message = /^ACTION_SECRET is missing, and HOST is not a loopback address: it must be at least 16 characters/
    t.match(await messageOf(load({ ...required, HOST })), message)
    t.equal((await load({ ...required, HOST, ACTION_SECRET: settings.ACTION_SECRET })).config.HOST, HOST)
  }
  for (const HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    t.equal((await load({ ...required, HOST })).config.HOST, HOST)
  }
})

t.test('settings that may surprise cause a warning', async (t) => {
  const { ACTION_SECRET } = settings
  const metrics = 'METRICS_PORT is ignored: Kubernetes set it for the Service metrics. Set it to a port number to serve metrics'
  const list = (name: string) => `${name}S is set: Hasura uses it instead of ${name}, which must be one of its entries`
  const table: Array<[Record<string, string>, string[]]> = [
    [{ ACTION_SECRET }, []],
    [{}, ['ACTION_SECRET is not set: every process on this machine can call the webhook']],
    [{ ACTION_SECRET, METRICS_PORT: 'tcp://10.0.0.7:9464' }, [metrics]],
    [{ ACTION_SECRET, HASURA_GRAPHQL_ADMIN_SECRETS: '["a"]' }, [list('HASURA_GRAPHQL_ADMIN_SECRET')]],
    [{ ACTION_SECRET, HASURA_GRAPHQL_JWT_SECRETS: '[]' }, [list('HASURA_GRAPHQL_JWT_SECRET')]],
    [{ ACTION_SECRET, HASURA_GRAPHQL_JWT_SECRETS: '' }, []],
    [{ LOG_LEVEL: 'error' }, []]
  ]
  for (const [env, expected] of table) {
    const { warnings, config } = await load({ ...required, ...env })
    t.strictSame(warnings, expected, JSON.stringify(env))
    t.notOk('METRICS_PORT' in config)
  }
})

t.test('an error that is not about a value passes unchanged', async (t) => {
  const fastify = Fastify()
  await fastify.register(config, { env: required })
  t.teardown(() => fastify.close())
  await t.rejects(async () => { await fastify.register(config, { env: required }) }, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

t.test('the documentation, .env.example and compose list every variable, and no other', async (t) => {
  const names = Object.keys(configSchema.properties)
  const [page = ''] = readFileSync('docs/configuration.md', 'utf8').split('## Sandbox')
  const rows = new Map(Array.from(page.matchAll(/^\| `(\w+)` \| (.*?) \|/gm), ([, name = '', default_]) => [name, default_]))
  t.strictSame([...rows.keys()].sort(), [...names].sort(), 'docs/configuration.md')
  for (const [name, property] of Object.entries(configSchema.properties)) {
    if ('default' in property) t.match(rows.get(name), `\`${property.default}\``, `the default of ${name}`)
  }

  const example = readFileSync('.env.example', 'utf8').matchAll(/^#?(\w+)=/gm)
  t.strictSame([...new Set(Array.from(example, ([, name]) => name))].sort(), [...names, 'POSTGRES_PASSWORD'].sort(), '.env.example')

  const { services } = parse(readFileSync('compose.yaml', 'utf8')) as { services: { auth: { environment: object } } }
  // The image sets the address and the port.
  const inCompose = [...Object.keys(services.auth.environment), 'HOST', 'PORT']
  t.strictSame(inCompose.sort(), [...names].sort(), 'compose.yaml')
})
