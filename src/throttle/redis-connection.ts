import type { RedisClientType } from '@redis/client'
import type { FastifyBaseLogger } from 'fastify'
import { ConfigError } from '../config.ts'
import type { RunScript } from './redis.ts'

type Client = Pick<RedisClientType, 'connect' | 'destroy' | 'eval' | 'hello' | 'on'>

/** Milliseconds without any answer after which Redis counts as failed, and memory takes over. */
const answerMs = 1000
const checks = 5
/** Milliseconds between a failure and the next connection. */
const reconnectMs = 1000

interface RedisServer {
  url: string
  isEncrypted: boolean
  password: string
}

declare module 'fastify' {
  interface ParsedVariables {
    REDIS_URL: RedisServer | undefined
  }
}

/** @throws ConfigError if `REDIS_URL` is not a URL of Redis */
export function parseRedisUrl (url: string | undefined): RedisServer | undefined {
  if (url === undefined) return undefined
  try {
    const { protocol, username, password, pathname, search, hash } = new URL(url)
    decodeURIComponent(username)
    const server = { url, isEncrypted: protocol === 'rediss:', password: decodeURIComponent(password) }
    // A special character that is not encoded ends the password early. The rest of it is then in one of these parts.
    if (/^\/?\d*$/.test(pathname) && search + hash === '') return server
  } catch {
    // These errors quote the URL.
  }
  throw new ConfigError('REDIS_URL', 'is not a URL of Redis: use one such as redis://:password@redis:6379, and '
    + 'percent-encode special characters in the password')
}

/** Redis before version 6 quotes the arguments of an unknown command in its error, and so the password. */
function hide (password: string, message: string): string {
  return password === '' ? message : message.replaceAll(password, '***')
}

/** The cause of a failure, with a remedy. */
function explain (error: unknown, { isEncrypted, password }: RedisServer, isConnecting: boolean): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  // OpenSSL's own messages are long and have several lines.
  const isTlsError = code.startsWith('ERR_SSL_')
  const cause = isTlsError ? code : hide(password, message)
  if (/^(?:WRONGPASS|NOAUTH)/.test(message)) return `${cause}; check the user name and the password in REDIS_URL`
  if (/^(?:ENOTFOUND|EAI_AGAIN)$/.test(code)) return `${cause}; check the host name in REDIS_URL`
  const isCutOff = isTlsError || code === 'ECONNRESET' || /closed/.test(message) || (isEncrypted && /timeout|no answer/.test(message))
  if (!isConnecting || !isCutOff) return cause
  return `${cause}; REDIS_URL starts with rediss:// for a server with TLS, and with redis:// for one without`
}

/** Calls `onLate` when commands wait and nothing was answered for `answerMs`. A long queue that moves is not late. */
function watchAnswers (onLate: (error: Error) => void) {
  let waiting = 0
  let silentChecks = 0
  // Counts checks instead of milliseconds: no check runs while this process stalls, so a stall is not a failure.
  const timer = setInterval(() => {
    if (waiting > 0 && ++silentChecks === checks) onLate(new Error(`no answer within ${answerMs} ms`))
  }, answerMs / checks).unref()
  return {
    async watch<Answer> (command: Promise<Answer>): Promise<Answer> {
      if (waiting++ === 0) silentChecks = 0
      try {
        return await command
      } finally {
        waiting--
        silentChecks = 0
      }
    },
    stop: () => { clearInterval(timer) }
  }
}

/** One connection. When it fails it is closed, and `onFailure` is called once. */
function openConnection (client: Client, onFailure: (error: unknown) => void) {
  let isClosed = false
  const answers = watchAnswers(fail)

  function close (): void {
    isClosed = true
    answers.stop()
    client.destroy()
  }

  function fail (error: unknown): void {
    if (isClosed) return
    close()
    onFailure(error)
  }

  client.on('error', fail)
  return {
    async run<Answer> (command: (client: Client) => Promise<Answer>): Promise<Answer> {
      try {
        return await answers.watch(command(client))
      } catch (error) {
        fail(error)
        throw error
      }
    },
    close
  }
}

async function refuseClusters (client: Client): Promise<void> {
  const { mode } = await client.hello()
  if (mode !== 'standalone') throw new Error(`REDIS_URL leads to a Redis ${mode}, which is not supported`)
}

/**
 * Keeps a connection to Redis and replaces it when it fails. The log names the cause once, until a script runs again.
 *
 * @returns after the first attempt to connect, whether or not it succeeds. `run` rejects while there is no connection.
 */
export async function connectToRedis (
  server: RedisServer, log: FastifyBaseLogger
): Promise<{ run: RunScript, close: () => void }> {
  // Not loaded without REDIS_URL.
  const { createClient } = await import('@redis/client')
  let isReady = false
  let hasFailed = false
  let reconnect: NodeJS.Timeout | undefined
  let connection = open()

  function open () {
    const client = createClient({ url: server.url, socket: { reconnectStrategy: false, connectTimeout: answerMs } })
    return openConnection(client, (error) => {
      if (!hasFailed) {
        log.error(`Redis failed, attempts are counted in the memory of this process: ${explain(error, server, !isReady)}`)
      }
      isReady = false
      hasFailed = true
      reconnect = setTimeout(() => {
        connection = open()
        void prepare()
      }, reconnectMs).unref()
    })
  }

  async function prepare (): Promise<void> {
    try {
      await connection.run(async client => client.connect())
      await connection.run(refuseClusters)
      isReady = true
    } catch {
      // The callback above has logged it.
    }
  }

  await prepare()
  return {
    async run (script, keys, args) {
      if (!isReady) throw new Error('Redis is not connected')
      const answer = await connection.run(async client => client.eval(script, { keys, arguments: args }))
      if (hasFailed) log.info('Redis is back')
      hasFailed = false
      return answer
    },
    close () {
      clearTimeout(reconnect)
      connection.close()
    }
  }
}
