import t from 'tap'
import { withRetry } from '../../src/hasura/retry.ts'

// The other failures are tried on real servers in hasura.test.ts.
t.test('a timeout before the connection is there is retried, and one afterwards is not', async (t) => {
  const table: Array<[error: Error, tries: number]> = [
    [Object.assign(new Error('a connect timeout'), { code: 'UND_ERR_CONNECT_TIMEOUT' }), 2],
    [Object.assign(new Error('one address'), { code: 'ETIMEDOUT', syscall: 'connect' }), 2],
    [Object.assign(new AggregateError([], 'several addresses'), { code: 'ETIMEDOUT' }), 2],
    [Object.assign(new Error('no answer'), { code: 'ETIMEDOUT', syscall: 'read' }), 1],
    [Object.assign(new Error('no acknowledgement'), { code: 'ETIMEDOUT', syscall: 'write' }), 1],
    [new DOMException('the time for all tries is over', 'TimeoutError'), 1]
  ]
  for (const [error, tries] of table) {
    for (const kind of ['query', 'mutation']) {
      const retried: unknown[] = []
      let sent = 0
      const send = async (): Promise<never> => {
        sent++
        throw error
      }
      await t.rejects(withRetry(kind, send, (cause) => { retried.push(cause) }), error)
      t.strictSame([sent, retried], [tries, tries === 1 ? [] : [error]], `${error.message}, ${kind}`)
    }
  }
})
