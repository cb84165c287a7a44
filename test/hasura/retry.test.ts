import t from 'tap'
import { withRetry } from '../../src/hasura/retry.ts'

t.test('what was surely not sent is sent once more, and a query also where that is not sure', async (t) => {
  const table: Array<[error: object, query: number, mutation: number]> = [
    [{ code: 'ECONNREFUSED' }, 2, 2],
    [{ code: 'ENOTFOUND' }, 2, 2],
    [{ code: 'UND_ERR_CONNECT_TIMEOUT' }, 2, 2],
    // Of a connection to several addresses, and of a connection to one.
    [{ code: 'ETIMEDOUT' }, 2, 2],
    [{ code: 'ETIMEDOUT', syscall: 'connect' }, 2, 2],
    // Of a connection that was there.
    [{ code: 'ETIMEDOUT', syscall: 'read' }, 1, 1],
    [{ code: 'ETIMEDOUT', syscall: 'write' }, 1, 1],
    [{ code: 'ECONNRESET' }, 2, 1],
    [{ code: 'UND_ERR_SOCKET' }, 2, 1],
    [{ code: 'HTTP_503' }, 2, 1],
    [{ code: 'HTTP_500' }, 1, 1],
    [{ code: 'UND_ERR_HEADERS_TIMEOUT' }, 1, 1],
    // A DOMException's: the time for all tries together is over.
    [{ code: 23 }, 1, 1]
  ]
  for (const [properties, query, mutation] of table) {
    for (const [kind, wanted] of [['query', query], ['mutation', mutation]] as const) {
      const error = Object.assign(new Error('it fails'), properties)
      let tries = 0
      const retried: unknown[] = []
      const send = async (): Promise<never> => {
        tries++
        throw error
      }
      await t.rejects(withRetry(kind, send, (cause) => { retried.push(cause) }), error)
      t.strictSame([tries, retried], [wanted, Array.from({ length: wanted - 1 }, () => error)], `${kind} ${JSON.stringify(properties)}`)
    }
  }
})
