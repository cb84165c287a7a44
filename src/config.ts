import { isIP } from 'node:net'
import fastifyEnv from '@fastify/env'
import type { FastifyInstance, ParsedVariables } from 'fastify'
import fp from 'fastify-plugin'
import ipaddr from 'ipaddr.js'
import type { FromSchema } from 'json-schema-to-ts'

/** Printable ASCII without a space at either end: other characters do not survive in an HTTP header. */
const headerValue = '^[!-~]([ -~]*[!-~])?$'

function text (description: string) {
  return { type: 'string', description } as const
}

function secret (minLength: number, description: string) {
  return { ...text(`at least ${minLength} characters${description}`), minLength } as const
}

function integer<Default extends number> (default_: Default, unit: string, minimum: number, maximum: number) {
  const description = `a number of ${unit} from ${minimum} to ${maximum}`
  return { type: 'integer', minimum, maximum, default: default_, description } as const
}

function limit<Default extends number> (default_: Default) {
  return integer(default_, 'attempts', 1, 1_000_000)
}

function oneOf<const Values extends readonly string[]> (values: Values, default_: Values[number]) {
  const description = new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(values)
  return { type: 'string', enum: values, default: default_, description } as const
}

const port = { type: 'integer', minimum: 0, maximum: 65535, description: 'a port number, 0 to 65535; 0 takes a free one' } as const

/** Every variable of the service. A `description` completes the sentence "NAME is missing: it must be …". */
export const configSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['HASURA_GRAPHQL_ENDPOINT', 'HASURA_GRAPHQL_ADMIN_SECRET', 'HASURA_GRAPHQL_JWT_SECRET'],
  properties: {
    HOST: { ...text('the address to listen on'), default: '127.0.0.1' },
    PORT: { ...port, default: 3000 },
    LOG_LEVEL: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], 'info'),
    METRICS_PORT: port,
    HASURA_GRAPHQL_ENDPOINT: text('the base URL of Hasura without /v1/graphql, such as http://graphql-engine:8080'),
    HASURA_GRAPHQL_ADMIN_SECRET: { ...text('the admin secret of Hasura, in printable ASCII'), pattern: headerValue },
    HASURA_GRAPHQL_JWT_SECRET: text('the same JSON as in Hasura, such as {"type":"HS256","key":"<at least 32 characters>"}'),
    HASURA_GRAPHQL_UNAUTHORIZED_ROLE: { ...text('the same role as in Hasura'), default: 'anonymous' },
    ACTION_SECRET: {
      ...secret(16, ' of printable ASCII, the same as in Hasura; `openssl rand -hex 32` makes one'), pattern: headerValue
    },
    ACTION_SECRET_PREVIOUS: {
      ...secret(16, ': the secret that ACTION_SECRET replaces, until Hasura sends the new one'), pattern: headerValue
    },
    /** Without `TOKEN_SECRET`; with it, see `accessTokenDefault`. */
    ACCESS_TOKEN_TTL_SECONDS: integer(3600, 'seconds', 1, 31_536_000),
    TOKEN_SECRET: secret(32, '; `openssl rand -hex 32` makes one'),
    TOKEN_SECRET_PREVIOUS: secret(32, ': the other secret while TOKEN_SECRET is replaced'),
    SESSION_TTL_SECONDS: integer(2_592_000, 'seconds', 60, 315_360_000),
    SESSION_IDLE_SECONDS: integer(1_209_600, 'seconds', 60, 315_360_000),
    REFRESH_GRACE_SECONDS: integer(60, 'seconds', 0, 3600),
    REFRESH_COOKIE: oneOf(['on', 'off'], 'off'),
    SMTP_URL: text('a URL such as smtps://user:password@smtp.example.com'),
    MAIL_FROM: text('an address, or a name and an address such as Example <no-reply@example.com>'),
    APP_URL: text('the URL of your app, such as https://app.example.com'),
    MAIL_TEMPLATES_DIR: text('the path of a folder with templates of mails'),
    MAILED_TOKEN_TTL_SECONDS: integer(3600, 'seconds', 60, 604_800),
    UNVERIFIED_ROLE: text('the role of users who have not verified their email, such as unverified'),
    JWT_PRIVATE_KEY: text('the private key of an asymmetric type as PEM; \\n may replace a line break'),
    JWT_PRIVATE_KEY_FILE: text('the path of a PEM file with the private key, or of a folder of such files'),
    JWKS_MAX_AGE_SECONDS: integer(300, 'seconds', 1, 86_400),
    ARGON2_MEMORY_KIB: integer(19_456, 'KiB', 8, 262_144),
    ARGON2_PASSES: integer(2, 'passes', 1, 64),
    ARGON2_LANES: integer(1, 'lanes', 1, 16),
    PASSWORD_CONCURRENCY: {
      type: 'integer', minimum: 1, maximum: 1020, description: 'a number of concurrent hashes from 1 to 1020'
    },
    PASSWORD_QUEUE_MILLISECONDS: integer(5000, 'milliseconds', 0, 25_000),
    SIGNUP_PASSWORD_FIELD: oneOf(['hash', 'redacted'], 'hash'),
    PASSWORD_BLOCKLIST: oneOf(['off', 'common'], 'off'),
    CLIENT_ADDRESS_HEADER: {
      ...text('the name of a header that a proxy in front of Hasura overwrites, such as x-client-address; '
        + 'not one that starts with x-hasura-, which Hasura does not forward'),
      pattern: '^(?![Xx]-[Hh][Aa][Ss][Uu][Rr][Aa]-)[A-Za-z0-9-]+$'
    },
    REDIS_URL: { ...text('a URL such as redis://redis:6379'), pattern: '^rediss?://' },
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

/** Throws an error with a text that completes the sentence "NAME …". */
export type Refuse = (problem: string) => never

/** Returns a function that throws a ConfigError about the variable. */
export function refuseVariable (variable: Variable): Refuse {
  return (problem) => { throw new ConfigError(variable, problem) }
}

/** An empty value counts as unset: compose files and CI systems pass unset variables on as empty strings. */
export function withoutEmpty (env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '' && value !== undefined))
}

const defaults = Object.fromEntries(Object.entries(configSchema.properties).flatMap(([name, property]) => (
  'default' in property ? [[name, String(property.default)]] : []
)))

/** The default of `ACCESS_TOKEN_TTL_SECONDS`: shorter if clients can refresh the token. */
export function accessTokenDefault ({ TOKEN_SECRET }: Environment): number {
  return TOKEN_SECRET ? 900 : configSchema.properties.ACCESS_TOKEN_TTL_SECONDS.default
}

/** Kubernetes sets METRICS_PORT to a URL in every container if the namespace has a Service named metrics. */
function isServiceLink (name: string, value: string | undefined): boolean {
  return name === 'METRICS_PORT' && value?.startsWith('tcp://') === true
}

/** Tells whether a host name or an address without brackets certainly leads to this machine. */
export function isLoopback (host: string): boolean {
  return host === 'localhost' || (isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback')
}

/** Variables that do nothing without others. */
const needed: Partial<Record<Variable, Variable[]>> = {
  TOKEN_SECRET_PREVIOUS: ['TOKEN_SECRET'],
  REFRESH_COOKIE: ['TOKEN_SECRET'],
  SMTP_URL: ['TOKEN_SECRET', 'MAIL_FROM', 'APP_URL'],
  UNVERIFIED_ROLE: ['SMTP_URL']
}

/** Checks what the schema cannot express. Skips values that the schema refuses. */
function* crossCheck (env: Environment): Generator<ConfigError> {
  const { HOST, PORT, METRICS_PORT, ACTION_SECRET, UNVERIFIED_ROLE, HASURA_GRAPHQL_UNAUTHORIZED_ROLE } = env
  if (Number(METRICS_PORT) !== 0 && Number(METRICS_PORT) === Number(PORT)) {
    yield new ConfigError('METRICS_PORT', 'is the same as PORT: set it to another port')
  }
  for (const [name, others] of Object.entries(needed) as Array<[Variable, Variable[]]>) {
    const missing = others.filter(other => env[other] === undefined)
    if (env[name] === undefined || env[name] === 'off' || missing.length === 0) continue
    const list = new Intl.ListFormat('en-GB').format(missing)
    yield new ConfigError(name, `needs ${list}: set that too, or unset it`)
  }
  if (UNVERIFIED_ROLE === 'admin' || UNVERIFIED_ROLE === HASURA_GRAPHQL_UNAUTHORIZED_ROLE) {
    yield new ConfigError('UNVERIFIED_ROLE', 'must be a role of its own, such as unverified: not admin, and not the unauthorized role')
  }
  if (ACTION_SECRET === undefined && !isLoopback(String(HOST))) {
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

/** Finds settings that are allowed, but probably not intended. */
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

/** A parser gets a number as text, as in the environment. */
type Raw<Value> = Value extends number ? string : Value
type Parser<Value, Result> = (
  value: Value, env: Environment, parsed: Partial<ParsedVariables>
) => Result | undefined | Promise<Result | undefined>

interface ConfigOptions {
  env: Environment
  /**
   * Parsers of variables, which throw a ConfigError. They run here so that one run reports every unusable variable, in
   * this order. A parser also gets the environment with all defaults, and what the parsers before it have returned. It
   * does not run if its variable is required and missing. It may return undefined if it needs another variable that is
   * unusable.
   */
  parsers?: { [Name in keyof ParsedVariables]?: Parser<Raw<Config[Name]>, ParsedVariables[Name]> }
}

async function* runParsers (
  parsers: ConfigOptions['parsers'] = {}, env: Environment, parsed: Record<string, unknown>
): AsyncGenerator<ConfigError> {
  const required: readonly string[] = configSchema.required
  for (const [variable, parse] of Object.entries(parsers) as Array<[string, Parser<string | undefined, unknown>]>) {
    if (env[variable] === undefined && required.includes(variable)) continue
    try {
      parsed[variable] = await parse(env[variable], env, parsed)
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
  const data = { ...defaults, ACCESS_TOKEN_TTL_SECONDS: String(accessTokenDefault(set)), ...given }
  let schemaErrors: SchemaError[] = []
  try {
    await fastify.register(fastifyEnv, { schema: configSchema, data, env: false })
  } catch (error) {
    schemaErrors = (error as { errors?: SchemaError[] }).errors ?? []
    if (schemaErrors.length === 0) throw error
  }
  const parsed = {}
  const errors = [...schemaErrors.map(error => explain(error, data)), ...crossCheck(data)]
  for await (const error of runParsers(parsers, data, parsed)) errors.push(error)
  // The first error of a variable is enough.
  const variables = errors.map(({ variable }) => variable)
  const [first, ...others] = errors.filter(({ variable }, index) => variables.indexOf(variable) === index)
  if (first !== undefined) throw new ConfigError(first.variable, first.problem, others)
  fastify.decorate('parsed', parsed as ParsedVariables)
  fastify.log.level = fastify.config.LOG_LEVEL
  for (const warning of findWarnings(set)) fastify.log.warn(warning)
}

export default fp(config, { name: 'config', fastify: '5.x' })
