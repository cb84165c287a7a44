import autocannon from 'autocannon'
import type { Server } from './servers.ts'
import { headers, password } from './users.ts'

interface Load {
  path: string
  /** Each connection sends one request at a time. */
  connections: number
  requestsPerConnection: number
  /** Which users of the stand-in log in. */
  users?: 'known' | 'cheap'
  isPasswordWrong?: boolean
  /** The input of every request, in place of a login. */
  input?: object
}

/**
 * Sends requests with autocannon. Each connection logs in a user of its own, unless there is an `input`.
 *
 * @param expected - the status of every answer. Those of `tolerated` are not counted
 * @returns answers per second, up to the time at which 90 % are there: the last ones come while connections are idle
 * @throws Error if an answer has another status, or is missing
 */
export async function send (
  { url }: Server, { path, connections, requestsPerConnection, users = 'known', isPasswordWrong = false, input }: Load, expected: number, tolerated: number[] = []
): Promise<{ answers: number, perSecond: number }> {
  const times: number[] = []
  let connection = 0
  const start = performance.now()
  const { errors, statusCodeStats } = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon({
      url: url + path,
      method: 'POST',
      headers,
      connections,
      amount: connections * requestsPerConnection,
      sampleInt: 10,
      timeout: 60,
      setupClient: (client) => {
        const login = { email: `${users}-${connection++}@bench.test`, password: isPasswordWrong ? `${password}!` : password }
        client.setBody(JSON.stringify({ input: input ?? login }))
      }
    }, (error: unknown, result) => {
      if (error instanceof Error) reject(error)
      else resolve(result)
    })
    instance.on('response', (_client, status) => { if (status === expected) times.push(performance.now()) })
  })
  const others = Object.keys(statusCodeStats ?? {}).filter(status => ![expected, ...tolerated].includes(Number(status)))
  if (errors > 0 || others.length > 0 || times.length === 0) {
    throw new Error(`${path} must answer ${expected}, but answered ${JSON.stringify(statusCodeStats)} with ${errors} errors`)
  }
  const most = Math.ceil(times.length * 0.9)
  return { answers: times.length, perSecond: most / ((times[most - 1] ?? NaN) - start) * 1000 }
}
