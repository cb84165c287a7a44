/** The load generator, as a process: it runs each load that it is sent, and answers with the outcome. */
import { createHistogram } from 'node:perf_hooks'
import type { RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as after } from 'node:timers/promises'
import { Client } from 'undici'
import { actionSecret, attempts } from './attempts.ts'
import type { Kind } from './attempts.ts'
import type { Load, Outcome } from './load.ts'

interface Tally {
  answers: Record<string, number>
  latency: RecordableHistogram
  /** When counting begins, when the last request is sent, and when the last answer came: milliseconds of one clock. */
  from: number
  until: number
  end: number
}

const headers = { 'content-type': 'application/json', 'x-hasura-action-secret': actionSecret }

/** How a request ended, and how long its caller was told to wait. */
async function send (client: Client, kind: Kind, caller: number): Promise<{ ending: string, retryAfter: number }> {
  try {
    const { statusCode, headers: answered, body } = await client.request({ ...attempts[kind](caller), headers })
    const text = await body.text()
    const code = statusCode < 400 ? undefined : /"code":"([\w-]+)"/.exec(text)?.[1]
    return { ending: [statusCode, code].filter(Boolean).join(' '), retryAfter: Number(answered['retry-after'] ?? 0) }
  } catch {
    return { ending: 'unanswered', retryAfter: 0 }
  }
}

async function call (load: Load, client: Client, caller: number, tally: Tally): Promise<void> {
  const { kinds, pauseMilliseconds = 0, heedsRetryAfter = false, warmUpMilliseconds = 0, callers } = load
  if (warmUpMilliseconds > 0) await after(warmUpMilliseconds * caller / callers)
  let start = performance.now()
  for (let turn = caller; performance.now() < tally.until; turn++) {
    const { ending, retryAfter } = await send(client, kinds[turn % kinds.length] ?? 'health', caller)
    const end = performance.now()
    // After a warm-up the queue is as long at the end as at the beginning, and what is answered in between is the
    // throughput. Without one everything counts, up to the last answer. What failed counts whenever it did.
    const hasFailed = ending === 'unanswered' || ending.startsWith('5')
    if (warmUpMilliseconds === 0 || (end >= tally.from && end < tally.until) || hasFailed) {
      tally.answers[ending] = (tally.answers[ending] ?? 0) + 1
      if (warmUpMilliseconds === 0) tally.end = Math.max(tally.end, end)
    }
    // Also of what is answered after the end: the longest waits would else be left out.
    if (start >= tally.from && ending.startsWith('2')) {
      tally.latency.record(Math.max(1, Math.round((end - start) * 1000)))
    }
    const wait = heedsRetryAfter ? retryAfter * 1000 * (1 + Math.random() / 2) : 0
    const next = Math.max(start + pauseMilliseconds, end + wait)
    if (next > end) await after(Math.min(next, tally.until) - end)
    // What a late answer kept from being asked in time has waited since then; that a timer is late is our own doing.
    start = next > end ? performance.now() : next
  }
}

async function run (load: Load): Promise<Outcome> {
  const { url, callers, milliseconds, warmUpMilliseconds = 0 } = load
  const from = performance.now() + warmUpMilliseconds
  const until = from + milliseconds
  const tally: Tally = { answers: {}, latency: createHistogram(), from, until, end: until }
  await Promise.all(Array.from({ length: callers }, async (_, caller) => {
    const client = new Client(url)
    await call(load, client, caller, tally)
    await client.close()
  }))
  // An empty histogram says 0, which would meet every goal.
  const percentile = (share: number): number => tally.latency.count > 0 ? tally.latency.percentile(share) / 1000 : NaN
  return { answers: tally.answers, seconds: (tally.end - from) / 1000, p50: percentile(50), p99: percentile(99) }
}

process.on('message', (load) => { void run(load as Load).then((outcome) => { process.send?.(outcome) }) })
process.once('disconnect', () => process.exit())
process.send?.('ready')
