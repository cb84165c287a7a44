import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import config, { configSchema } from '../src/config.ts'
import { settings } from './support/service.ts'

const required = {
  HASURA_GRAPHQL_ENDPOINT: 'http://hasura:8080', HASURA_GRAPHQL_ADMIN_SECRET: 'secret', HASURA_GRAPHQL_JWT_SECRET: '{}'
}

async function load (env: Record<string, string | undefined>) {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  await fastify.register(config, { env })
  return fastify.config
}

t.test('the defaults are those of the contract', async (t) => {
  t.strictSame(await load(required), {
    ...required,
    HOST: '127.0.0.1',
    PORT: 3000,
    LOG_LEVEL: 'info',
    JWKS_MAX_AGE_SECONDS: 300,
    ACCESS_TOKEN_TTL_SECONDS: 3600,
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
    BODY_LIMIT_BYTES: 16_384,
    HEADERS_TIMEOUT_SECONDS: 10,
    REQUEST_TIMEOUT_SECONDS: 15,
    KEEP_ALIVE_TIMEOUT_SECONDS: 72,
    HASURA_TIMEOUT_SECONDS: 8,
    HASURA_CONNECT_TIMEOUT_SECONDS: 2,
    HASURA_HEADERS_TIMEOUT_SECONDS: 6,
    HASURA_BODY_TIMEOUT_SECONDS: 2,
    HASURA_ANSWER_LIMIT_BYTES: 1_048_576,
    SHUTDOWN_DELAY_SECONDS: 0,
    SHUTDOWN_GRACE_SECONDS: 20
  })
})

t.test('the environment of the process is not looked at', async (t) => {
  process.env['SIGNUP_PASSWORD_FIELD'] = 'redacted'
  t.teardown(() => { delete process.env['SIGNUP_PASSWORD_FIELD'] })
  t.equal((await load(required)).SIGNUP_PASSWORD_FIELD, 'hash')
})

t.test('an empty value is an unset one', async (t) => {
  const { PORT, ACTION_SECRET } = await load({ ...required, PORT: '', ACTION_SECRET: '' })
  t.strictSame([PORT, ACTION_SECRET], [3000, undefined])
})

t.test('a missing or unusable value is one line that names the variable, and never the value', async (t) => {
  const secret = 'hunter2'
  const table: Array<[Record<string, string | undefined>, RegExp]> = [
    [{ HASURA_GRAPHQL_ENDPOINT: undefined }, /^HASURA_GRAPHQL_ENDPOINT is missing: it must be the base URL of Hasura/],
    [{ HASURA_GRAPHQL_ADMIN_SECRET: '' }, /^HASURA_GRAPHQL_ADMIN_SECRET is missing: it must be the admin secret/],
    [{ HASURA_GRAPHQL_JWT_SECRET: undefined }, /^HASURA_GRAPHQL_JWT_SECRET is missing: it must be the same JSON/],
    [{ PORT: 'http' }, /^PORT is unusable: it must be a port number, 0 to 65535$/],
    [{ PORT: '65536' }, /^PORT is unusable/],
    [{ PORT: '1.5' }, /^PORT is unusable/],
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL is unusable: it must be one of trace, debug/],
    [{ ACTION_SECRET: secret }, /^ACTION_SECRET is unusable: it must be at least 16 characters/],
    [{ ACTION_SECRET_PREVIOUS: secret }, /^ACTION_SECRET_PREVIOUS is unusable: it must be at least 16 characters/],
    [{ ACCESS_TOKEN_TTL_SECONDS: '0' }, /^ACCESS_TOKEN_TTL_SECONDS is unusable/],
    [{ ARGON2_MEMORY_KIB: '7' }, /^ARGON2_MEMORY_KIB is unusable/],
    [{ ARGON2_MEMORY_KIB: '8', ARGON2_LANES: '2' }, /^ARGON2_MEMORY_KIB is too small: Argon2 needs at least 8 KiB/],
    [{ ARGON2_MEMORY_KIB: '262144', ARGON2_PASSES: '5' }, /^ARGON2_PASSES is too large: .* may be 1048576 at most$/],
    [{ ARGON2_PASSES: '0' }, /^ARGON2_PASSES is unusable/],
    [{ ARGON2_LANES: '17' }, /^ARGON2_LANES is unusable/],
    [{ PORT: '3000', METRICS_PORT: '3000' }, /^METRICS_PORT is PORT, too: metrics have a port of their own/],
    [{ SIGNUP_PASSWORD_FIELD: 'plain' }, /^SIGNUP_PASSWORD_FIELD is unusable: it must be hash or redacted$/]
  ]
  for (const [env, message] of table) {
    const error = await load({ ...required, ...env }).then(() => undefined, (error: unknown) => error as Error)
    t.equal(error?.name, 'ConfigError', JSON.stringify(env))
    t.match(error?.message, message)
    t.notMatch(error?.message, /\n|hunter2/)
  }
})

t.test('a webhook that others can reach needs the action secret', async (t) => {
  for (const HOST of ['0.0.0.0', '::', '192.168.0.2', 'auth.internal', '2001:db8::1']) {
    await t.rejects(load({ ...required, HOST }), {
      name: 'ConfigError', message: /^ACTION_SECRET is missing, and HOST is not a loopback address/
    }, HOST)
    t.equal((await load({ ...required, HOST, ACTION_SECRET: settings.ACTION_SECRET })).HOST, HOST)
  }
  for (const HOST of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    t.equal((await load({ ...required, HOST })).HOST, HOST)
  }
})

t.test('without the action secret, the log warns', async (t) => {
  const lines: string[] = []
  const fastify = Fastify({ logger: { stream: { write: (line: string) => { lines.push(line) } } } })
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: required })
  t.equal(lines.length, 1)
  t.match(lines[0], 'ACTION_SECRET is not set: every process on this machine can call the webhook')
})

t.test('an error that is not about a value passes unchanged', async (t) => {
  const fastify = Fastify()
  await fastify.register(config, { env: required })
  t.teardown(() => fastify.close())
  await t.rejects(async () => { await fastify.register(config, { env: required }) }, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

t.test('the README\'s table and .env.example list every variable', async (t) => {
  const table = readFileSync('README.md', 'utf8')
  const example = readFileSync('.env.example', 'utf8')
  for (const [name, { description, ...property }] of Object.entries(configSchema.properties)) {
    t.ok(description.length > 0)
    t.match(example, new RegExp(`^#? ?${name}=`, 'm'), `${name} in .env.example`)
    const row = table.split('\n').find(line => line.startsWith('|') && line.split('|')[1]?.includes(`\`${name}\``)) ?? ''
    t.ok(row, `${name} in README.md`)
    if ('default' in property) t.match(row, `\`${property.default}\``, `the default of ${name} in README.md`)
  }
})
