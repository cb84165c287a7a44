import pg from 'pg'
import type { ClientConfig } from 'pg'

/** The embedded PostgreSQL's values of settings that change how values look in text and JSON. A server may differ. */
const options = [
  'TimeZone=UTC', 'DateStyle=ISO,MDY', 'IntervalStyle=postgres', 'bytea_output=hex', 'extra_float_digits=1',
  String.raw`default_transaction_isolation=read\ committed`
].map(option => `-c ${option}`).join(' ')

/** An `@` or a `#` after the host belongs to a password that is not percent-encoded. It must not be printed. */
const databaseUrl = /^postgres(?:ql)?:\/\/[^/?#]*(?:[/?][^@#]*)?$/

/** Returns how the sandbox connects to the database of a URL. */
export function configOf (url: string): ClientConfig {
  return { connectionString: url, options }
}

function createClient (config: ClientConfig): pg.Client {
  const usage = 'SANDBOX_DATABASE_URL must be a URL such as postgres://user:password@localhost:5432/sandbox'
  if (!databaseUrl.test(config.connectionString ?? '')) {
    throw new Error(`${usage}; a password with /, ?, # or @ must be percent-encoded`)
  }
  try {
    return new pg.Client({ ...config, connectionTimeoutMillis: 10_000 })
  } catch (error) {
    throw new Error(`${usage}: ${(error as Error).message}`)
  }
}

function reasonOf (error: unknown, client: pg.Client): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof pg.DatabaseError) return `refuses the connection: ${message}`
  if (message.startsWith('SASL') && !client.password) return 'requires a password, but the URL has none'
  return `cannot be reached (${code ?? message}): start it, or correct the URL`
}

/**
 * Connects to PostgreSQL.
 *
 * @throws Error that says in one line, without the password, why it cannot
 */
export async function connectClient (config: ClientConfig): Promise<pg.Client> {
  const client = createClient(config)
  // A connection that breaks between two queries makes the next one fail.
  client.on('error', () => { /* The next query reports it. */ })
  try {
    await client.connect()
    return client
  } catch (error) {
    void client.end()
    const server = `PostgreSQL at ${client.host}:${client.port}, which SANDBOX_DATABASE_URL names,`
    throw new Error(`${server} ${reasonOf(error, client)}`)
  }
}
