import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { atLeast, atMost } from './benchmark.ts'
import type { Context, Goal, Report } from './benchmark.ts'
import { count, startGenerator, total } from './load.ts'
import type { Generator } from './load.ts'
import { noLimits, warmUp } from './login-cost.ts'
import { median, residentMebibytes } from './measure.ts'
import { startHasura, startService } from './service.ts'
import type { Service } from './service.ts'
import { drawSweep } from './sweep-chart.ts'

export interface Step {
  callers: number
  perSecond: number
  refusedPerSecond: number
  /** Requests without an answer, or with another than a token or `overloaded`; of the probe, than its 200. */
  lost: number
  p50: number
  p99: number
  healthP99: number
  mebibytes: number
  /** The same in the pass that had the most. */
  mostMebibytes: number
  eventLoopP99: number
}

/** Milliseconds of the longest wait: shorter than the default, so that the sweep reaches it on a small machine. */
const queueMilliseconds = 1000

/** Reading it begins a new window, so that a step's figure is of that step. */
async function eventLoopP99 ({ metricsUrl }: Service): Promise<number> {
  const text = await (await fetch(metricsUrl)).text()
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(text)?.[1]) * 1000
}

async function measureStep (
  service: Service, [generate, probe]: [Generator, Generator], callers: number, quick: boolean
): Promise<Step> {
  const { url, pid } = service
  const [warmUpMilliseconds, milliseconds] = quick ? [20, 400] : [1500, 2000]
  await eventLoopP99(service)
  const memory: number[] = []
  const watch = setInterval(() => { memory.push(residentMebibytes(pid)) }, quick ? 20 : 250)
  const [outcome, health] = await Promise.all([
    generate({ url, callers, kinds: ['login'], milliseconds, warmUpMilliseconds, heedsRetryAfter: true }),
    probe({ url, callers: 1, kinds: ['health'], milliseconds, warmUpMilliseconds, pauseMilliseconds: 10 })
  ])
  clearInterval(watch)
  memory.push(residentMebibytes(pid))
  const [done, refused] = [count(outcome, '200'), count(outcome, '429 overloaded')]
  const { seconds, p50, p99 } = outcome
  const asked = total(outcome) + total(health)
  return {
    callers,
    perSecond: done / seconds,
    refusedPerSecond: refused / seconds,
    lost: asked - done - refused - count(health, '200'),
    p50,
    p99,
    healthP99: health.p99,
    mebibytes: Math.max(...memory),
    mostMebibytes: Math.max(...memory),
    eventLoopP99: await eventLoopP99(service)
  }
}

/** One step of what was measured in several passes: the median, so that what befalls the machine in one is left out. */
function combine (passes: [Step, ...Step[]]): Step {
  const of = (figure: keyof Step): number => median(passes.map(step => step[figure]))
  const [{ callers, mebibytes }] = passes
  return {
    callers,
    perSecond: of('perSecond'),
    refusedPerSecond: of('refusedPerSecond'),
    lost: passes.reduce((sum, { lost }) => sum + lost, 0),
    p50: of('p50'),
    p99: of('p99'),
    healthP99: of('healthP99'),
    // On the way up: later it would be what more callers have left.
    mebibytes,
    mostMebibytes: Math.max(...passes.map(step => step.mebibytes)),
    eventLoopP99: of('eventLoopP99')
  }
}

function goalsOf (steps: Step[], loginMilliseconds: number): Goal[] {
  // What all processors together do: below that many callers some are idle.
  const loaded = steps.filter(({ callers }) => callers >= 2 * availableParallelism())
  const rates = loaded.map(({ perSecond }) => perSecond)
  const growth = Math.max(...loaded.map(({ mostMebibytes }) => mostMebibytes)) - (loaded[0]?.mebibytes ?? NaN)
  const longest = Math.ceil(queueMilliseconds * 1.1 + 4 * loginMilliseconds)
  return [
    atLeast(0.9, 'throughput flat to the end: the lowest against the highest', Math.min(...rates) / Math.max(...rates), '×'),
    atMost(longest, `p99 of accepted logins: the queue's ${queueMilliseconds} ms, a tenth for its estimate, and four logins of one caller`,
      Math.max(...steps.map(({ p99 }) => p99)), ' ms', 0),
    atMost(64, 'memory flat: growth from the first busy step to the highest of any pass', growth, ' MiB', 0),
    atMost(0, 'requests without an answer', steps.reduce((sum, { lost }) => sum + lost, 0), '', 0),
    atMost(20, '`/healthz` p99, at the worst step', Math.max(...steps.map(({ healthP99 }) => healthP99)), ' ms', 1)
  ]
}

/** From one caller to far more than the processors can serve. */
export async function sweep (context: Context): Promise<Report> {
  const { quick, cost, progress, keep } = context
  const env = { ...noLimits, PASSWORD_QUEUE_MILLISECONDS: String(queueMilliseconds) }
  const service = await startService(await startHasura(cost), cost, env)
  const generators: [Generator, Generator] = [await startGenerator(), await startGenerator()]
  await warmUp(generators[0], service.url, context)

  const sizes = quick ? [1, 8] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
  const measured = new Map<number, Step[]>(sizes.map(callers => [callers, []]))
  for (let pass = 0; pass < (quick ? 1 : 3); pass++) {
    for (const callers of pass % 2 === 0 ? sizes : sizes.toReversed()) {
      progress(`pass ${pass + 1}, ${callers} callers`)
      measured.get(callers)?.push(await measureStep(service, generators, callers, quick))
    }
  }
  const steps = Array.from(measured.values(), passes => combine(passes as [Step, ...Step[]]))
  const svg = drawSweep(steps, queueMilliseconds)
  if (keep) writeFileSync('docs/sweep.svg', svg)

  return {
    title: 'From 1 to 512 callers',
    goals: goalsOf(steps, steps[0]?.p50 ?? NaN),
    tables: [{
      columns: [
        'callers', 'logins a second', 'p50', 'p99', 'refused a second', 'memory', '`/healthz` p99',
        'event loop p99'
      ],
      rows: steps.map(step => [
        String(step.callers), step.perSecond.toFixed(1), `${step.p50.toFixed(0)} ms`, `${step.p99.toFixed(0)} ms`,
        step.refusedPerSecond.toFixed(1), `${step.mebibytes.toFixed(0)} MiB`, `${step.healthP99.toFixed(1)} ms`,
        `${step.eventLoopP99.toFixed(1)} ms`
      ])
    }],
    notes: [
      `\`PASSWORD_QUEUE_MILLISECONDS\` is ${queueMilliseconds} here, so that the queue fills. A refused caller waits as long as \`Retry-After\` says, and up to half as long again at random, as a good client does: callers that try again at once measure the speed of refusals, which is a table of its own below. Up, down and up again: each figure is the median of the three, but memory that of the first. p50 and p99 are of accepted logins; \`/healthz\` is asked every 10 ms by a process of its own, and its time holds that process's wait for a processor, and that of what a late answer put off.`,
      'The event loop is sampled every 10 ms by prom-client, and its figure holds those 10 ms.'
    ],
    data: { queueMilliseconds, steps }
  }
}
