import { randomInt } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import { isDatabaseAway, isRolledBack } from './answer.ts'

/** Codes of failures after which it is unknown whether Hasura ran the operation. */
const perhapsSent = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'HTTP_502', 'HTTP_503', 'HTTP_504']

/** Tells whether the connection failed before anything was sent. */
function isConnectFailure (error: unknown): boolean {
  // Node.js throws an AggregateError if it tried several addresses.
  if (error instanceof AggregateError) return true
  const { code, syscall } = error as NodeJS.ErrnoException
  return code === 'UND_ERR_CONNECT_TIMEOUT' || syscall === 'connect' || syscall === 'getaddrinfo'
}

/** A mutation must not run twice: a sign-up would report its own email as taken. */
function isRetryable (error: unknown, kind: string): boolean {
  if (isConnectFailure(error) || isRolledBack(error)) return true
  const { code } = error as NodeJS.ErrnoException
  return kind === 'query' && (isDatabaseAway(error) || perhapsSent.includes(String(code)))
}

/** Milliseconds before the second try, random so that replicas do not all return at once. */
const [minPause, maxPause] = [20, 200]

/**
 * Runs `send`, and runs it a second time if that may help and does no harm.
 *
 * @param kind - `query` or `mutation`
 * @param onRetry - called with the first error before the second try
 * @throws what the last try threw
 */
export async function withRetry<Result> (
  kind: string, send: () => Promise<Result>, onRetry: (error: unknown) => void
): Promise<Result> {
  try {
    return await send()
  } catch (error) {
    if (!isRetryable(error, kind)) throw error
    onRetry(error)
  }
  await after(randomInt(minPause, maxPause))
  return send()
}
