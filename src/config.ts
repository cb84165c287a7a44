import { BlockList, isIP } from 'node:net'
import fastifyEnv from '@fastify/env'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { FromSchema } from 'json-schema-to-ts'

/** What a header can carry, and arrives as it was sent: printable ASCII without a space at either end. */
const headerValue = '^[!-~]([ -~]*[!-~])?$'

function limit<Default extends number> (default_: Default, what: string) {
  const description = `a number of ${what} from 1 to 1000000`
  return { type: 'integer', minimum: 1, maximum: 1_000_000, default: default_, description } as const
}

function bytes<Default extends number> (default_: Default, minimum: number) {
  const description = `a number of bytes from ${minimum} to 104857600`
  return { type: 'integer', minimum, maximum: 104_857_600, default: default_, description } as const
}

function seconds<Default extends number> (default_: Default, maximum = 86_400) {
  const description = `a number of seconds from 1 to ${maximum}`
  return { type: 'integer', minimum: 1, maximum, default: default_, description } as const
}

/** Every variable of this service. `description` completes the sentence "NAME … : it must be …". */
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
    HASURA_GRAPHQL_ENDPOINT: {
      type: 'string',
      description: 'the base URL of Hasura without /v1/graphql, such as http://graphql-engine:8080'
    },
    HASURA_GRAPHQL_ADMIN_SECRET: {
      type: 'string', pattern: headerValue, description: 'the admin secret that Hasura runs with, in printable ASCII'
    },
    HASURA_GRAPHQL_JWT_SECRET: {
      type: 'string',
      description: 'the same JSON that Hasura gets, such as {"type":"HS256","key":"<at least 32 characters>"}'
    },
    JWT_PRIVATE_KEY: {
      type: 'string', description: 'the private key of an asymmetric type in PEM, in which \\n may stand for a line break'
    },
    JWT_PRIVATE_KEY_FILE: {
      type: 'string', description: 'the path of a PEM file with the private key, or of a folder of such files'
    },
    JWKS_MAX_AGE_SECONDS: seconds(300),
    ACTION_SECRET: {
      type: 'string',
      minLength: 16,
      pattern: headerValue,
      description: 'at least 16 characters of printable ASCII, the same as in Hasura\'s environment; `openssl rand -hex 32` makes one'
    },
    ACTION_SECRET_PREVIOUS: {
      type: 'string',
      minLength: 16,
      pattern: headerValue,
      description: 'at least 16 characters: the secret that ACTION_SECRET replaces, until Hasura sends the new one'
    },
    ACCESS_TOKEN_TTL_SECONDS: {
      type: 'integer', minimum: 1, maximum: 31_536_000, default: 3600, description: 'a number of seconds, at most a year'
    },
    ARGON2_MEMORY_KIB: {
      type: 'integer', minimum: 8, maximum: 262_144, default: 19_456, description: 'a number of KiB from 8 to 262144'
    },
    ARGON2_PASSES: {
      type: 'integer', minimum: 1, maximum: 64, default: 2, description: 'a number of passes from 1 to 64'
    },
    ARGON2_LANES: {
      type: 'integer', minimum: 1, maximum: 16, default: 1, description: 'a number of lanes from 1 to 16'
    },
    PASSWORD_CONCURRENCY: {
      type: 'integer', minimum: 1, maximum: 1020, description: 'a number of hashes at once, from 1 to 1020'
    },
    PASSWORD_QUEUE_MILLISECONDS: {
      type: 'integer', minimum: 0, maximum: 25_000, default: 5000, description: 'a number of milliseconds from 0 to 25000'
    },
    SIGNUP_PASSWORD_FIELD: {
      type: 'string', enum: ['hash', 'redacted'], default: 'hash', description: 'hash or redacted'
    },
    PASSWORD_BLOCKLIST: {
      type: 'string', enum: ['off', 'common'], default: 'off', description: 'off or common'
    },
    CLIENT_ADDRESS_HEADER: {
      type: 'string',
      pattern: '^(?![Xx]-[Hh][Aa][Ss][Uu][Rr][Aa]-)[A-Za-z0-9-]+$',
      description: 'the name of a header that a proxy in front of Hasura overwrites, such as x-client-address; '
        + 'not one that starts with x-hasura-, which Hasura does not forward'
    },
    REDIS_URL: {
      type: 'string', pattern: '^rediss?://', description: 'a URL such as redis://redis:6379'
    },
    HASURA_TIMEOUT_SECONDS: seconds(8, 300),
    HASURA_CONNECT_TIMEOUT_SECONDS: seconds(2, 300),
    HASURA_HEADERS_TIMEOUT_SECONDS: seconds(6, 300),
    HASURA_BODY_TIMEOUT_SECONDS: seconds(2, 300),
    HASURA_ANSWER_LIMIT_BYTES: bytes(1_048_576, 1024),
    LOGIN_LIMIT_PER_ACCOUNT: limit(10, 'attempts'),
    LOGIN_LIMIT_PER_ADDRESS: limit(100, 'attempts'),
    LOGIN_WINDOW_SECONDS: seconds(900),
    SIGNUP_LIMIT_PER_ADDRESS: limit(20, 'sign-ups'),
    BODY_LIMIT_BYTES: {
      type: 'integer', minimum: 4096, maximum: 1_048_576, default: 16_384, description: 'a number from 4096 to 1048576'
    },
    HEADERS_TIMEOUT_SECONDS: seconds(10, 300),
    REQUEST_TIMEOUT_SECONDS: seconds(15, 300),
    KEEP_ALIVE_TIMEOUT_SECONDS: seconds(72, 3600),
    METRICS_PORT: {
      type: 'integer', minimum: 0, maximum: 65535, description: 'a port number, 0 to 65535; 0 takes a free one'
    },
    SHUTDOWN_DELAY_SECONDS: {
      type: 'integer', minimum: 0, maximum: 300, default: 0, description: 'a number of seconds from 0 to 300'
    },
    SHUTDOWN_GRACE_SECONDS: seconds(20, 300)
  }
} as const

export type Config = FromSchema<typeof configSchema>
export type Environment = Record<string, string | undefined>

type Variable = keyof typeof configSchema.properties

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
  }
}

/** A variable that is missing or unusable. The message is one line that says which and how to mend it. */
export class ConfigError extends Error {
  /**
   * @param variable - name of the environment variable
   * @param problem - what is wrong with its value; never the value itself, which may be a secret
   */
  constructor (variable: Variable, problem: string) {
    super(`${variable} ${problem}`)
    this.name = 'ConfigError'
  }
}

/** Loopback addresses: nobody but this machine can reach a webhook that listens on one of them. */
const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

function isLoopback (host: string): boolean {
  if (isIP(host) === 0) return host === 'localhost'
  return loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}

function explain (error: unknown): unknown {
  const first = (error as { errors?: Array<{ keyword: string, instancePath: string, params: object }> }).errors?.[0]
  if (first === undefined) return error
  const missing = (first.params as { missingProperty?: string }).missingProperty
  const variable = (missing ?? first.instancePath.slice(1)) as Variable
  const { description } = configSchema.properties[variable]
  return new ConfigError(variable, `${missing ? 'is missing' : 'is unusable'}: it must be ${description}`)
}

/**
 * Reads the configuration from `env`, and from nowhere else, into `fastify.config`.
 *
 * @throws ConfigError where a variable is missing or unusable
 */
async function config (fastify: FastifyInstance, { env }: { env: Environment }): Promise<void> {
  // An empty value is an unset one: compose files and CI systems pass variables on as empty strings.
  const data = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '' && value !== undefined))
  try {
    await fastify.register(fastifyEnv, { schema: configSchema, data, env: false })
  } catch (error) {
    throw explain(error)
  }
  const { HOST, PORT, METRICS_PORT, LOG_LEVEL, ACTION_SECRET } = fastify.config
  const { ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES } = fastify.config
  fastify.log.level = LOG_LEVEL
  if (ARGON2_MEMORY_KIB < 8 * ARGON2_LANES) {
    throw new ConfigError('ARGON2_MEMORY_KIB', 'is too small: Argon2 needs at least 8 KiB for each of ARGON2_LANES')
  }
  // The bound within which a stored hash is run at all (see password.ts): our own hashes must stay inside it.
  if (ARGON2_MEMORY_KIB * ARGON2_PASSES > 1_048_576) {
    throw new ConfigError('ARGON2_PASSES', 'is too large: ARGON2_MEMORY_KIB times ARGON2_PASSES may be 1048576 at most')
  }
  if (METRICS_PORT !== undefined && METRICS_PORT !== 0 && METRICS_PORT === PORT) {
    throw new ConfigError('METRICS_PORT', 'is PORT, too: metrics have a port of their own, set it to another one')
  }
  if (ACTION_SECRET !== undefined) return
  if (!isLoopback(HOST)) {
    const { description } = configSchema.properties.ACTION_SECRET
    throw new ConfigError('ACTION_SECRET', `is missing, and HOST is not a loopback address: it must be ${description}`)
  }
  fastify.log.warn('ACTION_SECRET is not set: every process on this machine can call the webhook')
}

export default fp(config, { name: 'config', fastify: '5.x' })
