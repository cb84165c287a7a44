import { randomInt } from 'node:crypto'
import { Pool } from 'undici'
import { actionSecret, attempts } from './attempts.ts'
import { atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { noLimits } from './login-cost.ts'
import { median } from './measure.ts'
import { startHasura, startService } from './service.ts'

const kinds = ['wrong password', 'unknown email', 'unreadable hash'] as const

/** The standard score of the Mann–Whitney U statistic; beyond ±3.29 chance alone is one in a thousand. */
function rankScore (first: number[], second: number[]): number {
  const all = [...first.map(value => ({ value, isFirst: true })), ...second.map(value => ({ value, isFirst: false }))]
  const ranked = all.sort((a, b) => a.value - b.value)
  const rankSum = ranked.reduce((sum, { isFirst }, index) => sum + (isFirst ? index + 1 : 0), 0)
  const [n, m] = [first.length, second.length]
  const u = rankSum - n * (n + 1) / 2
  return (u - n * m / 2) / Math.sqrt(n * m * (n + m + 1) / 12)
}

/** Milliseconds that a failed login takes. */
async function time (service: Pool, kind: typeof kinds[number]): Promise<number> {
  const headers = { 'content-type': 'application/json', 'x-hasura-action-secret': actionSecret }
  const start = performance.now()
  const { statusCode, body } = await service.request({ ...attempts[kind](0), headers })
  const text = await body.text()
  const milliseconds = performance.now() - start
  if (!text.includes('"code":"invalid-credentials"')) throw new Error(`a failed login answered ${statusCode} ${text}`)
  return milliseconds
}

/**
 * Whether the time of a failed login tells a wrong password, an unknown email and an unreadable hash apart: rounds of
 * one login each, in random order within the round so that drift of the machine falls on all alike, and a test of
 * ranks, which asks whether one kind tends to be slower.
 */
export async function loginTiming ({ quick, cost, progress }: Context): Promise<Report> {
  const rounds = quick ? 5 : 500
  const { url } = await startService(await startHasura(cost), cost, noLimits)
  const service = new Pool(url, { connections: 1 })
  const times = { 'wrong password': [] as number[], 'unknown email': [] as number[], 'unreadable hash': [] as number[] }
  progress(`${rounds} rounds`)
  for (let round = quick ? 0 : -20; round < rounds; round++) {
    const shuffled = kinds.map(kind => ({ kind, order: randomInt(1_000_000) })).sort((a, b) => a.order - b.order)
    for (const { kind } of shuffled) {
      const milliseconds = await time(service, kind)
      // The first ones warm the code up.
      if (round >= 0) times[kind].push(milliseconds)
    }
  }
  await service.close()

  const reference = times['wrong password']
  const results = kinds.map(kind => ({
    kind, median: median(times[kind]), ratio: median(times[kind]) / median(reference), score: kind === 'wrong password' ? 0 : rankScore(times[kind], reference)
  }))
  const between = rankScore(times['unknown email'], times['unreadable hash'])
  const worst = Math.max(...[...results.map(({ score }) => score), between].map(Math.abs))
  return {
    title: 'Whether time tells why a login failed',
    goals: [atMost(3.29, 'standard score of the rank test, either way', worst)],
    tables: [{
      columns: [`failed login, ${rounds} rounds`, 'median', 'ratio', 'standard score of the rank test'],
      rows: results.map(({ kind, median, ratio, score }) => [
        kind, `${median.toFixed(2)} ms`, ratio.toFixed(3), score.toFixed(2)
      ])
    }],
    notes: [
      `Against a wrong password; the other two against each other: ${between.toFixed(2)}. Beyond ±3.29 chance alone would be one in a thousand for each of the three: the command fails there.`
    ],
    data: { rounds, results, between }
  }
}
