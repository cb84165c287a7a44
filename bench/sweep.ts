import { setTimeout as after } from 'node:timers/promises'
import { Client } from 'undici'
import { median, percentile, residentMebibytes } from './measure.ts'
import type { Context, Report } from './report.ts'
import { startHasura, startService } from './servers.ts'
import type { Server } from './servers.ts'
import { headers, password } from './users.ts'

/** Shorter than the default, so that the queue also fills on a small machine. */
const queueMilliseconds = 1000

/** Milliseconds of one step: the first part, over which the clients start, is not measured. */
interface Window { from: number, until: number }

interface Step {
  perSecond: number
  refusedPerSecond: number
  p50: number
  p99: number
  healthP99: number
  mebibytes: number
}

interface Tally { logins: number[], answered: number, refused: number, health: number[] }

/** Logs in again and again. After a refusal, it waits as `Retry-After` says, and up to half as long again. */
async function logIn (url: string, number: number, { from, until }: Window, tally: Tally): Promise<void> {
  const client = new Client(url)
  const body = JSON.stringify({ input: { email: `known-${number}@bench.test`, password } })
  while (performance.now() < until) {
    const start = performance.now()
    const { statusCode, headers: { 'retry-after': retryAfter }, body: answer } = await client.request({ method: 'POST', path: '/login', headers, body })
    await answer.dump()
    const end = performance.now()
    if (statusCode !== 200 && statusCode !== 429) throw new Error(`A login answered ${statusCode}`)
    if (statusCode === 200 && start >= from) tally.logins.push(end - start)
    if (end >= from && end < until) tally[statusCode === 200 ? 'answered' : 'refused']++
    if (statusCode === 429) await after(Math.min(until - end, Number(retryAfter) * 1000 * (1 + Math.random() / 2)))
  }
  await client.close()
}

async function probeHealth (url: string, { from, until }: Window, tally: Tally): Promise<void> {
  const client = new Client(url)
  while (performance.now() < until) {
    const start = performance.now()
    const { statusCode, body } = await client.request({ method: 'GET', path: '/healthz' })
    await body.dump()
    if (statusCode !== 200) throw new Error(`/healthz answered ${statusCode}`)
    if (start >= from) tally.health.push(performance.now() - start)
    await after(10)
  }
  await client.close()
}

async function measureStep ({ url, pid }: Server, clients: number, isQuick: boolean): Promise<Step> {
  const [warmUp, milliseconds] = isQuick ? [20, 400] : [1500, 2000]
  const from = performance.now() + warmUp
  const window = { from, until: from + milliseconds }
  const tally: Tally = { logins: [], answered: 0, refused: 0, health: [] }
  await Promise.all([
    probeHealth(url, window, tally),
    ...Array.from({ length: clients }, async (_, number) => {
      await after(warmUp * number / clients)
      await logIn(url, number, window, tally)
    })
  ])
  return {
    perSecond: tally.answered / milliseconds * 1000,
    refusedPerSecond: tally.refused / milliseconds * 1000,
    p50: percentile(tally.logins, 0.5),
    p99: percentile(tally.logins, 0.99),
    healthP99: percentile(tally.health, 0.99),
    mebibytes: residentMebibytes(pid)
  }
}

/** Throughput and refusals from one client to far more than the processors can serve. */
export async function sweep ({ isQuick, cost, progress }: Context): Promise<Report> {
  const env = { PASSWORD_QUEUE_MILLISECONDS: String(queueMilliseconds) }
  const service = await startService(await startHasura(cost), cost, env)
  const sizes = isQuick ? [1, 8] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
  const steps = new Map<number, Step[]>(sizes.map(clients => [clients, []]))
  // Upwards, downwards and upwards again, so that no size has only the warm or only the cold service.
  for (const [pass, order] of (isQuick ? [sizes] : [sizes, sizes.toReversed(), sizes]).entries()) {
    for (const clients of order) {
      progress(`pass ${pass + 1}, ${clients} clients`)
      steps.get(clients)?.push(await measureStep(service, clients, isQuick))
    }
  }
  const most = Math.max(...Array.from(steps.values(), passes => median(passes.map(({ perSecond }) => perSecond))))
  return {
    title: 'Throughput and refusals from 1 to 512 concurrent clients',
    columns: ['clients', 'logins per second', 'ratio to the highest', 'p50', 'p99', 'refusals per second', '`/healthz` p99', 'memory'],
    rows: Array.from(steps, ([clients, passes]) => {
      const of = (figure: keyof Step): number => median(passes.map(step => step[figure]))
      return [
        String(clients), of('perSecond').toFixed(1), `${(of('perSecond') / most).toFixed(2)}×`, `${of('p50').toFixed(0)} ms`, `${of('p99').toFixed(0)} ms`,
        of('refusedPerSecond').toFixed(1), `${of('healthP99').toFixed(1)} ms`, `${of('mebibytes').toFixed(0)} MiB`
      ]
    }),
    notes: [
      `\`PASSWORD_QUEUE_MILLISECONDS\` is ${queueMilliseconds}, so that the queue fills. A refused client waits as long as \`Retry-After\` says, and up to half as `
      + 'long again. Every other answer is a token; anything else ends the benchmark. p50 and p99 are of accepted logins. Each figure is '
      + 'the median of three passes.'
    ]
  }
}
