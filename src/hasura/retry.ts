import { randomInt } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'

/** Failures before a byte was sent. */
const neverSent = [
  'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'
]
/** Failures after which Hasura may or may not have done what it was asked. */
const perhapsSent = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'HTTP_502', 'HTTP_503', 'HTTP_504']

/** A mutation is sent again only where it surely was not sent: done twice, a sign-up would report itself as taken. */
function isWorthAnotherTry (error: unknown, kind: string): boolean {
  const { code: given, syscall } = error as NodeJS.ErrnoException
  // A connection to one of several addresses that times out has no system call of its own.
  const code = given === 'ETIMEDOUT' && syscall !== 'read' && syscall !== 'write' ? 'UND_ERR_CONNECT_TIMEOUT' : String(given)
  return neverSent.includes(code) || (kind === 'query' && perhapsSent.includes(code))
}

/** Milliseconds before the other try, spread so that replicas do not all come back at once. */
const [shortestPause, longestPause] = [20, 200]

/**
 * Sends an operation, and once more where that may help and does no harm.
 *
 * @param kind - `query` or `mutation`
 * @param onRetry - called before the other try, with what the first one threw
 * @throws what the last try threw
 */
export async function withRetry<Result> (
  kind: string, send: () => Promise<Result>, onRetry: (error: unknown) => void
): Promise<Result> {
  try {
    return await send()
  } catch (error) {
    if (!isWorthAnotherTry(error, kind)) throw error
    onRetry(error)
  }
  await after(randomInt(shortestPause, longestPause))
  return send()
}
