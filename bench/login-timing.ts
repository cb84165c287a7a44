import { randomInt } from 'node:crypto'
import { Pool } from 'undici'
import { median } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startService } from './servers.ts'
import { headers, password } from './users.ts'

const causes = {
  'wrong password': { email: 'known-0@bench.test', password: `${password}!` },
  'unknown email': { email: 'unknown-0@bench.test', password },
  'unreadable hash': { email: 'unreadable-0@bench.test', password }
}
type Cause = keyof typeof causes
const names = Object.keys(causes) as Cause[]

/** Beyond this, the difference is due to chance once in a thousand tests. */
const significant = 3.29

/** The standard score of the Mann–Whitney U statistic: how surely one kind of sample tends to be larger. */
function standardScore (first: number[], second: number[]): number {
  const all = [...first.map(value => ({ value, isFirst: true })), ...second.map(value => ({ value, isFirst: false }))]
  const ranked = all.sort((a, b) => a.value - b.value)
  const rankSum = ranked.reduce((sum, { isFirst }, index) => sum + (isFirst ? index + 1 : 0), 0)
  const [n, m] = [first.length, second.length]
  return (rankSum - n * (n + 1) / 2 - n * m / 2) / Math.sqrt(n * m * (n + m + 1) / 12)
}

async function time (service: Pool, cause: Cause): Promise<number> {
  const start = performance.now()
  const { body } = await service.request({ method: 'POST', path: '/login', headers, body: JSON.stringify({ input: causes[cause] }) })
  const text = await body.text()
  const milliseconds = performance.now() - start
  if (!text.includes('"code":"invalid-credentials"')) throw new Error(`A failed login answered ${text}`)
  return milliseconds
}

/**
 * Whether the time of a failed login reveals its cause. Each round has one login of each kind, in random order, so that
 * other load on the machine affects all of them alike.
 */
export async function loginTiming ({ isQuick, cost, progress }: Context): Promise<Report> {
  const [warmUp, rounds] = isQuick ? [0, 5] : [20, 500]
  const { url } = await startService(await startHasura(cost), cost)
  const service = new Pool(url, { connections: 1 })
  const times: Record<Cause, number[]> = { 'wrong password': [], 'unknown email': [], 'unreadable hash': [] }
  progress(`${rounds} rounds`)
  for (let round = -warmUp; round < rounds; round++) {
    const shuffled = names.map(cause => ({ cause, order: randomInt(1_000_000) })).sort((a, b) => a.order - b.order)
    for (const { cause } of shuffled) {
      const milliseconds = await time(service, cause)
      if (round >= 0) times[cause].push(milliseconds)
    }
  }
  await service.close()

  const reference = times['wrong password']
  const scores = {
    'wrong password': 0,
    'unknown email': standardScore(times['unknown email'], reference),
    'unreadable hash': standardScore(times['unreadable hash'], reference)
  }
  const between = standardScore(times['unknown email'], times['unreadable hash'])
  const isRevealed = [...Object.values(scores), between].some(score => Math.abs(score) > significant)
  return {
    title: 'The time of a failed login',
    columns: ['cause', 'median', 'ratio', 'standard score'],
    rows: names.map(cause => [
      cause, `${median(times[cause]).toFixed(2)} ms`, `${(median(times[cause]) / median(reference)).toFixed(3)}×`,
      scores[cause].toFixed(2)
    ]),
    notes: [
      `${rounds} logins of each kind, compared with a wrong password by the Mann–Whitney rank test. The other two compared with `
      + `each other: ${between.toFixed(2)}. Beyond ±${significant}, which chance reaches once in a thousand tests, the command fails.`
    ],
    ...!isQuick && isRevealed && { failure: 'The time of a failed login reveals its cause' }
  }
}
