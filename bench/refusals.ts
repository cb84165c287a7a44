import type { Kind } from './attempts.ts'
import { atLeast } from './benchmark.ts'
import type { Context, Cost, Goal, Report } from './benchmark.ts'
import { count, expectOnly, startGenerator } from './load.ts'
import type { Generator, Load } from './load.ts'
import { interleave, median, processorSeconds } from './measure.ts'
import type { Server } from './processes.ts'
import { startBare, startHasura, startService } from './service.ts'

interface Refusal {
  name: string
  /** What is asked for, and how it must end. */
  kind: Kind
  ending: string
  env: Record<string, string>
  cost?: Cost
  /** Whether the service is hashing meanwhile: it is then kept at it while the bare route is measured, too. */
  isBusy?: boolean
}

const callers = 32

function refusals (quick: boolean): Refusal[] {
  return [
    { name: 'bad input', kind: 'bad input', ending: '400 validation-failed', env: {} },
    { name: 'rate-limited', kind: 'wrong password', ending: '429 rate-limited', env: { LOGIN_LIMIT_PER_ACCOUNT: '1' } },
    {
      name: 'overloaded',
      kind: 'login',
      ending: '429 overloaded',
      env: { PASSWORD_CONCURRENCY: '1', PASSWORD_QUEUE_MILLISECONDS: '0' },
      // A fifth of a second, so that almost everything is refused.
      cost: { memoryCost: quick ? 8192 : 65_536, timeCost: 4, parallelism: 1 },
      isBusy: true
    }
  ]
}

interface Rate { perSecond: number, cpuMicroseconds: number, answers: Record<string, number> }

async function measure (
  generate: Generator, { url, pid }: Server, load: Pick<Load, 'kinds' | 'milliseconds' | 'warmUpMilliseconds'>, ending: string
): Promise<Rate> {
  const before = processorSeconds(pid)
  const outcome = await generate({ ...load, url, callers })
  const refused = count(outcome, ending)
  return {
    perSecond: refused / outcome.seconds,
    cpuMicroseconds: (processorSeconds(pid) - before) * 1e6 / refused,
    answers: outcome.answers
  }
}

async function compare (refusal: Refusal, bare: Server, generate: Generator, { quick, pairs }: Context) {
  const { kind, ending, env, isBusy = false, cost = { memoryCost: 8, timeCost: 1, parallelism: 1 } } = refusal
  const milliseconds = quick ? 200 : 800
  // What is hashed outlasts what is refused: counted to the last answer, the rate would hold a wait for the last hash.
  const warmUpMilliseconds = isBusy ? 100 : 0
  const load = { kinds: [kind], milliseconds, warmUpMilliseconds }
  const service = await startService(await startHasura(cost), cost, env)
  const occupy = await startGenerator()
  const ours = async () => measure(generate, service, load, ending)
  const theirs = async () => {
    const [rate, occupied] = await Promise.all([
      measure(generate, bare, load, '401 refused'),
      isBusy ? occupy({ ...load, url: service.url, callers: 1, warmUpMilliseconds: 0 }) : undefined
    ])
    expectOnly(rate, '401 refused')
    if (occupied !== undefined) expectOnly(occupied, '200')
    return rate
  }
  // The first rounds compile the code, and bring the accounts to their limit.
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    await ours()
    await theirs()
  }
  const measured = await interleave(pairs, ours, theirs)
  await service.stop()
  return measured
}

/** How fast what is not let in is refused, against a route that does nothing but refuse. */
export async function refuse (context: Context): Promise<Report> {
  const bare = await startBare('bare-route.js')
  const generate = await startGenerator()
  const goals: Goal[] = []
  const rows: string[][] = []
  const data: Record<string, object> = {}
  for (const refusal of refusals(context.quick)) {
    const { name } = refusal
    context.progress(`${context.pairs} pairs of ${name} and the bare route`)
    const measured = await compare(refusal, bare, generate, context)
    const ratio = median(measured.map(([ours, theirs]) => ours.perSecond / theirs.perSecond))
    goals.push(atLeast(0.6, `refusals a second, ${name}, against a bare route`, ratio, '×'))
    const cells = (rates: Rate[]): string[] => [
      median(rates.map(({ perSecond }) => perSecond)).toFixed(0),
      refusal.isBusy === true ? '' : `${median(rates.map(({ cpuMicroseconds }) => cpuMicroseconds)).toFixed(0)} µs`
    ]
    rows.push([name, ...cells(measured.map(([ours]) => ours)), ...cells(measured.map(([, theirs]) => theirs))])
    data[name] = { ratio, pairs: measured }
  }
  const columns = ['refused', 'a second', 'processor time each', 'bare route, a second', 'processor time each']
  return {
    title: 'Refusals against a bare Fastify route',
    goals,
    tables: [{ columns, rows }],
    notes: [
      `${callers} callers try again at once. The bare route parses the same body and writes one line to its log, too; both logs go to files. While \`overloaded\` is measured one hash of 64 MiB after the other runs in the service, against the bare route as well.`
    ],
    data
  }
}
