import { BlockList, isIP } from 'node:net'
import fastifyEnv from '@fastify/env'
import type { FastifyInstance, ParsedVariables } from 'fastify'
import fp from 'fastify-plugin'
import type { FromSchema } from 'json-schema-to-ts'

/** Printable ASCII without a space at either end: other characters do not survive in an HTTP header. */
const headerValue = '^[!-~]([ -~]*[!-~])?$'

function integer<Default extends number> (default_: Default, unit: string, minimum: number, maximum: number) {
  const description = `a number of ${unit} from ${minimum} to ${maximum}`
  return { type: 'integer', minimum, maximum, default: default_, description } as const
}

function limit<Default extends number> (default_: Default) {
  return integer(default_, 'attempts', 1, 1_000_000)
}

/** Every variable of the service. A `description` completes the sentence "NAME is missing: it must be …". */
export const configSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['HASURA_GRAPHQL_ENDPOINT', 'HASURA_GRAPHQL_ADMIN_SECRET', 'HASURA_GRAPHQL_JWT_SECRET'],
  properties: {
    HOST: { type: 'string', default: '127.0.0.1', description: 'the address to listen on' },
    PORT: { type: 'integer', minimum: 0, maximum: 65535, default: 3000, description: 'a port number, 0 to 65535' },
    LOG_LEVEL: {
      type: 'string',
      enum: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      default: 'info',
      description: 'one of trace, debug, info, warn, error, fatal, silent'
    },
    METRICS_PORT: {
      type: 'integer', minimum: 0, maximum: 65535, description: 'a port number, 0 to 65535; 0 takes a free one'
    },
    HASURA_GRAPHQL_ENDPOINT: {
      type: 'string', description: 'the base URL of Hasura without /v1/graphql, such as http://graphql-engine:8080'
    },
    HASURA_GRAPHQL_ADMIN_SECRET: {
      type: 'string', pattern: headerValue, description: 'the admin secret of Hasura, in printable ASCII'
    },
    HASURA_GRAPHQL_JWT_SECRET: {
      type: 'string', description: 'the same JSON as in Hasura, such as {"type":"HS256","key":"<at least 32 characters>"}'
    },
    HASURA_GRAPHQL_UNAUTHORIZED_ROLE: {
      type: 'string', default: 'anonymous', description: 'the same role as in Hasura'
    },
    ACTION_SECRET: {
      type: 'string',
      minLength: 16,
      pattern: headerValue,
      description: 'at least 16 characters of printable ASCII, the same as in Hasura; `openssl rand -hex 32` makes one'
    },
    ACTION_SECRET_PREVIOUS: {
      type: 'string',
      minLength: 16,
      pattern: headerValue,
      description: 'at least 16 characters: the secret that ACTION_SECRET replaces, until Hasura sends the new one'
    },
    /** Without `TOKEN_SECRET`; with it, see `accessTokenDefault`. */
    ACCESS_TOKEN_TTL_SECONDS: integer(3600, 'seconds', 1, 31_536_000),
    TOKEN_SECRET: {
      type: 'string', minLength: 32, description: 'at least 32 characters; `openssl rand -hex 32` makes one'
    },
    TOKEN_SECRET_PREVIOUS: {
      type: 'string', minLength: 32, description: 'at least 32 characters: the other secret while TOKEN_SECRET is replaced'
    },
    SESSION_TTL_SECONDS: integer(2_592_000, 'seconds', 60, 315_360_000),
    SESSION_IDLE_SECONDS: integer(1_209_600, 'seconds', 60, 315_360_000),
    REFRESH_GRACE_SECONDS: integer(60, 'seconds', 0, 3600),
    REFRESH_COOKIE: { type: 'string', enum: ['on', 'off'], default: 'off', description: 'on or off' },
    JWT_PRIVATE_KEY: {
      type: 'string', description: 'the private key of an asymmetric type as PEM; \\n may replace a line break'
    },
    JWT_PRIVATE_KEY_FILE: {
      type: 'string', description: 'the path of a PEM file with the private key, or of a folder of such files'
    },
    JWKS_MAX_AGE_SECONDS: integer(300, 'seconds', 1, 86_400),
    ARGON2_MEMORY_KIB: integer(19_456, 'KiB', 8, 262_144),
    ARGON2_PASSES: integer(2, 'passes', 1, 64),
    ARGON2_LANES: integer(1, 'lanes', 1, 16),
    PASSWORD_CONCURRENCY: {
      type: 'integer', minimum: 1, maximum: 1020, description: 'a number of concurrent hashes from 1 to 1020'
    },
    PASSWORD_QUEUE_MILLISECONDS: integer(5000, 'milliseconds', 0, 25_000),
    SIGNUP_PASSWORD_FIELD: {
      type: 'string', enum: ['hash', 'redacted'], default: 'hash', description: 'hash or redacted'
    },
    PASSWORD_BLOCKLIST: { type: 'string', enum: ['off', 'common'], default: 'off', description: 'off or common' },
    CLIENT_ADDRESS_HEADER: {
      type: 'string',
      pattern: '^(?![Xx]-[Hh][Aa][Ss][Uu][Rr][Aa]-)[A-Za-z0-9-]+$',
      description: 'the name of a header that a proxy in front of Hasura overwrites, such as x-client-address; '
        + 'not one that starts with x-hasura-, which Hasura does not forward'
    },
    REDIS_URL: { type: 'string', pattern: '^rediss?://', description: 'a URL such as redis://redis:6379' },
    LOGIN_LIMIT_PER_ACCOUNT: limit(10),
    LOGIN_LIMIT_PER_ADDRESS: limit(100),
    LOGIN_WINDOW_SECONDS: integer(900, 'seconds', 1, 86_400),
    SIGNUP_LIMIT_PER_ADDRESS: limit(20),
    HASURA_TIMEOUT_SECONDS: integer(8, 'seconds', 1, 300),
    SHUTDOWN_DELAY_SECONDS: integer(0, 'seconds', 0, 300),
    SHUTDOWN_GRACE_SECONDS: integer(20, 'seconds', 1, 300)
  }
} as const

export type Config = FromSchema<typeof configSchema>
export type Environment = Record<string, string | undefined>

type Variable = keyof typeof configSchema.properties

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
    /** What the parsers have returned, by variable. The file of each parser adds its type to `ParsedVariables`. */
    parsed: ParsedVariables
  }
}

/** A variable that is missing or unusable. Each line of the message names one variable and the remedy. */
export class ConfigError extends Error {
  readonly variable: Variable | '.env'
  readonly problem: string

  /**
   * @param variable - name of the environment variable, or `.env`
   * @param problem - what is wrong and how to fix it; never the value itself, which may be a secret
   * @param others - errors of other variables, reported in the same message
   */
  constructor (variable: Variable | '.env', problem: string, others: ConfigError[] = []) {
    super([`${variable} ${problem}`, ...others.map(({ message }) => message)].join('\n'))
    this.name = 'ConfigError'
    this.variable = variable
    this.problem = problem
  }
}

/** An empty value counts as unset: compose files and CI systems pass unset variables on as empty strings. */
export function withoutEmpty (env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '' && value !== undefined))
}

/** The default of `ACCESS_TOKEN_TTL_SECONDS`: an access token that can be refreshed is short-lived. */
export function accessTokenDefault ({ TOKEN_SECRET }: Environment): number {
  return TOKEN_SECRET ? 900 : configSchema.properties.ACCESS_TOKEN_TTL_SECONDS.default
}

/** Kubernetes sets METRICS_PORT to a URL in every container if the namespace has a Service named metrics. */
function isServiceLink (name: string, value: string | undefined): boolean {
  return name === 'METRICS_PORT' && value?.startsWith('tcp://') === true
}

function isLoopback (host: string): boolean {
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  loopback.addAddress('::1', 'ipv6')
  if (isIP(host) === 0) return host === 'localhost'
  return loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}

/** Checks what the schema cannot express. A value that the schema refuses passes. */
function* crossCheck (env: Environment): Generator<ConfigError> {
  const numberOf = (name: 'PORT' | 'ARGON2_MEMORY_KIB' | 'ARGON2_PASSES' | 'ARGON2_LANES'): number => (
    Number(env[name] ?? configSchema.properties[name].default)
  )
  const { HOST = configSchema.properties.HOST.default, METRICS_PORT, ACTION_SECRET } = env
  const memory = numberOf('ARGON2_MEMORY_KIB')
  if (memory < 8 * numberOf('ARGON2_LANES')) {
    yield new ConfigError('ARGON2_MEMORY_KIB', 'is too small: Argon2 needs at least 8 KiB for each of ARGON2_LANES')
  }
  // The service verifies no stored hash above this bound (see password/), so it must not create one.
  if (memory * numberOf('ARGON2_PASSES') > 1_048_576) {
    yield new ConfigError('ARGON2_PASSES', 'is too large: ARGON2_MEMORY_KIB times ARGON2_PASSES must not exceed 1048576')
  }
  if (METRICS_PORT !== undefined && Number(METRICS_PORT) !== 0 && Number(METRICS_PORT) === numberOf('PORT')) {
    yield new ConfigError('METRICS_PORT', 'is the same as PORT: set it to another port')
  }
  for (const name of ['TOKEN_SECRET_PREVIOUS', 'REFRESH_COOKIE'] as const) {
    const isUsed = env[name] !== undefined && env[name] !== 'off'
    if (isUsed && env['TOKEN_SECRET'] === undefined) yield new ConfigError(name, 'needs TOKEN_SECRET: set that too, or unset it')
  }
  if (ACTION_SECRET === undefined && !isLoopback(HOST)) {
    const { description } = configSchema.properties.ACTION_SECRET
    yield new ConfigError('ACTION_SECRET', `is missing, and HOST is not a loopback address: it must be ${description}`)
  }
}

/** Lists of secrets that Hasura uses instead of the single one if they are set. */
const listOf: Partial<Record<Variable, string>> = {
  HASURA_GRAPHQL_ADMIN_SECRET: 'HASURA_GRAPHQL_ADMIN_SECRETS', HASURA_GRAPHQL_JWT_SECRET: 'HASURA_GRAPHQL_JWT_SECRETS'
}

interface SchemaError { instancePath: string, params: { missingProperty?: Variable } }

function explain ({ instancePath, params: { missingProperty } }: SchemaError, env: Environment): ConfigError {
  const variable = missingProperty ?? instancePath.slice(1) as Variable
  const requirement = `it must be ${configSchema.properties[variable].description}`
  if (missingProperty === undefined) return new ConfigError(variable, `is unusable: ${requirement}`)
  const list = listOf[variable]
  if (list === undefined || env[list] === undefined) return new ConfigError(variable, `is missing: ${requirement}`)
  return new ConfigError(variable, `is missing: set it to one entry of ${list}, which this service does not read`)
}

/** Settings that are allowed, but may surprise. */
function* findWarnings (env: Environment): Generator<string> {
  if (env['ACTION_SECRET'] === undefined) {
    yield 'ACTION_SECRET is not set: every process on this machine can call the webhook'
  }
  if (isServiceLink('METRICS_PORT', env['METRICS_PORT'])) {
    yield 'METRICS_PORT is ignored: Kubernetes set it for the Service metrics. Set it to a port number to serve metrics'
  }
  for (const [single, list] of Object.entries(listOf)) {
    if (env[list] === undefined) continue
    yield `${list} is set: Hasura uses it instead of ${single}, which must be one of its entries`
  }
}

type Parser<Value, Result> = (value: Value, env: Environment, parsed: Partial<ParsedVariables>) => Result | undefined

interface ConfigOptions {
  env: Environment
  /**
   * Parsers of variables, which throw a ConfigError. They run here so that one run reports every unusable variable, in
   * this order. A parser also gets what those before it have returned. It does not run if its variable is required and
   * missing. It may return undefined if it needs another variable that is unusable.
   */
  parsers?: { [Name in keyof ParsedVariables]?: Parser<Config[Name], ParsedVariables[Name]> }
}

function* runParsers (
  parsers: ConfigOptions['parsers'] = {}, env: Environment, parsed: Record<string, unknown>
): Generator<ConfigError> {
  const required: readonly string[] = configSchema.required
  for (const [variable, parse] of Object.entries(parsers) as Array<[string, Parser<string | undefined, unknown>]>) {
    if (env[variable] === undefined && required.includes(variable)) continue
    try {
      parsed[variable] = parse(env[variable], env, parsed)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      yield error
    }
  }
}

/**
 * Reads the configuration from `env`, and from nowhere else, into `fastify.config` and `fastify.parsed`.
 *
 * @throws ConfigError with one line for each variable that is missing or unusable
 */
async function config (fastify: FastifyInstance, { env, parsers }: ConfigOptions): Promise<void> {
  const set = withoutEmpty(env)
  const given = Object.fromEntries(Object.entries(set).filter(([name, value]) => !isServiceLink(name, value)))
  const data = { ACCESS_TOKEN_TTL_SECONDS: String(accessTokenDefault(set)), ...given }
  let schemaErrors: SchemaError[] = []
  try {
    await fastify.register(fastifyEnv, { schema: configSchema, data, env: false })
  } catch (error) {
    schemaErrors = (error as { errors?: SchemaError[] }).errors ?? []
    if (schemaErrors.length === 0) throw error
  }
  const parsed = {}
  const errors = [
    ...schemaErrors.map(error => explain(error, data)), ...crossCheck(data), ...runParsers(parsers, data, parsed)
  ]
  // The first error of a variable is enough.
  const variables = errors.map(({ variable }) => variable)
  const [first, ...others] = errors.filter(({ variable }, index) => variables.indexOf(variable) === index)
  if (first !== undefined) throw new ConfigError(first.variable, first.problem, others)
  fastify.decorate('parsed', parsed as ParsedVariables)
  fastify.log.level = fastify.config.LOG_LEVEL
  for (const warning of findWarnings(set)) fastify.log.warn(warning)
}

export default fp(config, { name: 'config', fastify: '5.x' })
