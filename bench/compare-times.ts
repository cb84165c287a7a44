import { randomInt } from 'node:crypto'
import { Pool } from 'undici'
import { median } from './measure.ts'
import type { Report } from './report.ts'
import { headers } from './users.ts'

/** A kind of request to an action. `input` and `variables` may depend on the number of the request. */
export interface Kind {
  name: string
  path: string
  body: (number: number) => { input: object, session_variables?: object }
}

/** Beyond this, the difference is due to chance once in a thousand tests. */
const significant = 3.29

/** A smaller difference, such as that of reading one more row, shows only after more attempts than the limits allow. */
const tolerated = 0.02

/** The standard score of the Mann–Whitney U statistic: how certain it is that one kind of sample tends to be larger. */
function standardScore (first: number[], second: number[]): number {
  const all = [...first.map(value => ({ value, isFirst: true })), ...second.map(value => ({ value, isFirst: false }))]
  const ranked = all.sort((a, b) => a.value - b.value)
  const rankSum = ranked.reduce((sum, { isFirst }, index) => sum + (isFirst ? index + 1 : 0), 0)
  const [n, m] = [first.length, second.length]
  return (rankSum - n * (n + 1) / 2 - n * m / 2) / Math.sqrt(n * m * (n + m + 1) / 12)
}

function* pairsOf<Item> (items: Item[]): Generator<[Item, Item]> {
  for (const [index, first] of items.entries()) for (const second of items.slice(index + 1)) yield [second, first]
}

interface Comparison {
  url: string
  /** Each pair is compared. The first one is the reference of the ratios. */
  kinds: Kind[]
  rounds: number
  warmUp: number
  /** What every answer contains. */
  expected: string
}

/**
 * Compares the times of kinds of requests. All requests are in one random order, so that other load on the machine and
 * unfinished work of the previous request affect all kinds alike.
 *
 * @returns rows and notes for a report, and whether any two kinds differ beyond chance
 */
export async function compareTimes (
  { url, kinds, rounds, warmUp, expected }: Comparison
): Promise<Pick<Report, 'columns' | 'rows' | 'notes'> & { differ: boolean }> {
  const service = new Pool(url, { connections: 1 })
  const measured = kinds.map(kind => ({ kind, times: [] as number[] }))
  const requests = measured.flatMap(({ kind, times }) => Array.from({ length: warmUp + rounds }, (_, number) => (
    { kind, times, number, isWarmUp: number < warmUp, order: randomInt(1_000_000_000) }
  )))
  requests.sort((a, b) => Number(b.isWarmUp) - Number(a.isWarmUp) || a.order - b.order)
  for (const { kind: { path, body }, times, number, isWarmUp } of requests) {
    const start = performance.now()
    const answer = await service.request({ method: 'POST', path, headers, body: JSON.stringify(body(number)) })
    const text = await answer.body.text()
    if (!text.includes(expected)) throw new Error(`${path} answered ${text}`)
    if (!isWarmUp) times.push(performance.now() - start)
  }
  await service.close()

  const reference = median(measured[0]?.times ?? [])
  const scores = Array.from(pairsOf(measured), ([second, first]) => ({
    names: `${second.kind.name}, ${first.kind.name}`,
    score: standardScore(second.times, first.times),
    difference: Math.abs(median(second.times) / median(first.times) - 1)
  }))
  return {
    columns: ['request', 'median', 'ratio'],
    rows: measured.map(({ kind: { name }, times }) => (
      [name, `${median(times).toFixed(2)} ms`, `${(median(times) / reference).toFixed(3)}×`]
    )),
    notes: [
      `${rounds} requests of each kind, in random order. Standard scores of the Mann–Whitney rank test: `
      + `${scores.map(({ names, score }) => `${names} ${score.toFixed(2)}`).join('; ')}. `
      + `If one is beyond ±${significant}, which chance reaches once in a thousand tests, and its medians differ by more than `
      + `${tolerated * 100} %, the command fails.`
    ],
    differ: scores.some(({ score, difference }) => Math.abs(score) > significant && difference > tolerated)
  }
}
