import { compareTimes } from './compare-times.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startService } from './servers.ts'
import { password } from './users.ts'

const causes = {
  'wrong password': { email: 'known-0@bench.test', password: `${password}!` },
  'unknown email': { email: 'unknown-0@bench.test', password },
  'unreadable hash': { email: 'unreadable-0@bench.test', password }
}

/** Whether the time of a failed login reveals its cause. */
export async function loginTiming ({ isQuick, cost, progress }: Context): Promise<Report> {
  const [warmUp, rounds] = isQuick ? [0, 5] : [20, 500]
  const { url } = await startService(await startHasura(cost), cost)
  progress(`${rounds} requests of each kind`)
  const kinds = Object.entries(causes).map(([name, input]) => ({ name, path: '/login', body: () => ({ input }) }))
  const { differ, ...table } = await compareTimes({ url, kinds, rounds, warmUp, expected: '"code":"invalid-credentials"' })
  return {
    title: 'The time of a failed login',
    ...table,
    ...!isQuick && differ && { failure: 'The time of a failed login reveals its cause' }
  }
}
