import { atMost } from './benchmark.ts'
import type { Context, Report } from './benchmark.ts'
import { collectGarbage, withInspector } from './inspector.ts'
import { count, startGenerator } from './load.ts'
import type { Outcome } from './load.ts'
import { median, residentMebibytes } from './measure.ts'
import { startHasura, startService } from './service.ts'

/** A mebibyte, so that thousands of logins fit into the time. */
const cost = { memoryCost: 1024, timeCost: 1, parallelism: 1 }

/** Windows of a second and a short queue, so that attempts are limited, refused and let in again all the time. */
const env = { ...withInspector, LOGIN_WINDOW_SECONDS: '1', PASSWORD_QUEUE_MILLISECONDS: '50' }

const phases = 6

/** What a phase must have; there may be `rate-limited` besides, and nothing else. */
const expected = ['200', '400 validation-failed', '401 invalid-credentials', '429 overloaded']

/** Whether memory is at the end what it was at the start, after some of everything that can come in. */
export async function soak ({ quick, progress }: Context): Promise<Report> {
  const service = await startService(await startHasura(cost), cost, env)
  const generate = await startGenerator()
  const rows: string[][] = []
  const heap: number[] = []
  const resident: number[] = []
  const outcomes: Outcome[] = []
  for (let phase = 0; phase < phases; phase++) {
    progress(`phase ${phase + 1} of ${phases}`)
    const outcome = await generate({
      url: service.url,
      callers: 64,
      kinds: ['login', 'wrong password', 'sign-up', 'login', 'bad input', 'unknown email', 'unreadable hash'],
      milliseconds: quick ? 30 : 4000
    })
    // What V8 has not got round to collecting is no leak.
    heap.push(await collectGarbage(service))
    resident.push(residentMebibytes(service.pid))
    outcomes.push(outcome)
    const answers = Object.entries(outcome.answers).sort(([, a], [, b]) => b - a).map(([ending, number]) => `${number} × ${ending}`)
    const memory = [heap.at(-1), resident.at(-1)].map(mebibytes => `${mebibytes?.toFixed(1)} MiB`)
    rows.push([String(phase + 1), ...memory, answers.join(', ')])
  }
  // The first phase fills the heap and compiles the code.
  const growth = (memory: number[]): number => median(memory.slice(-2)) / median(memory.slice(1, 3))
  const failed = outcomes.flatMap(({ answers }) => Object.entries(answers))
    .reduce((sum, [ending, number]) => ([...expected, '429 rate-limited'].includes(ending) ? sum : sum + number), 0)
  for (const ending of quick ? [] : expected) {
    if (outcomes.some(outcome => count(outcome, ending) === 0)) throw new Error(`a phase has no answer ${ending}`)
  }
  return {
    title: 'A short soak',
    goals: [
      atMost(1.1, 'heap in use after the last two phases, against the second and third', growth(heap), '×'),
      atMost(1.1, 'resident memory after the last two phases, against the second and third', growth(resident), '×'),
      atMost(0, 'requests without an answer, or with another than those below', failed, '', 0)
    ],
    tables: [{ columns: ['phase of 4 seconds', 'heap in use after it', 'resident', 'answers'], rows }],
    notes: ['64 callers log in, mistype, sign up, send too little, and try accounts that are not there, at hashes of 1 MiB. Memory is read after a collection of garbage.'],
    data: { heap, resident, phases: outcomes }
  }
}
