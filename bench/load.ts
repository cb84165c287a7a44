import type { Kind } from './attempts.ts'
import { startHelper } from './processes.ts'

export interface Load {
  url: string
  /** Callers at once, each on a connection of its own, which it keeps. */
  callers: number
  /** What each caller asks for, over and over. */
  kinds: Kind[]
  milliseconds: number
  /** Milliseconds at the beginning that are not counted, over which the callers come in. */
  warmUpMilliseconds?: number
  /** Milliseconds from one request of a caller to its next; one that a late answer has put off counts from its time. */
  pauseMilliseconds?: number
  /** Whether a refused caller waits as long as Retry-After says, up to half as long again; else it tries at once. */
  heedsRetryAfter?: boolean
}

export interface Outcome {
  /** How many requests ended how: by status and code, such as `200` or `429 overloaded`, or `unanswered`. */
  answers: Record<string, number>
  /** Seconds in which those were answered: to the last answer, or after a warm-up to the end of the time. */
  seconds: number
  /** Milliseconds from request to answer, of those sent after the warm-up and answered with a 2xx; NaN without any. */
  p50: number
  p99: number
}

export type Generator = (load: Load) => Promise<Outcome>

/** Starts a load generator as a process of its own. */
export async function startGenerator (): Promise<Generator> {
  const { ask } = await startHelper('generator.js', {})
  return async load => await ask(load) as Outcome
}

/** How many ended in that way. */
export function count ({ answers }: Outcome, ending: string): number {
  return answers[ending] ?? 0
}

export function total ({ answers }: Pick<Outcome, 'answers'>): number {
  return Object.values(answers).reduce((sum, number) => sum + number, 0)
}

/** @throws Error where none did, or any request ended in another way: a benchmark would else measure something else */
export function expectOnly<Some extends Pick<Outcome, 'answers'>> (outcome: Some, ...endings: string[]): Some {
  const other = Object.keys(outcome.answers).filter(ending => !endings.includes(ending))
  if (other.length === 0 && total(outcome) > 0) return outcome
  throw new Error(`requests were to end in ${endings.join(', ')}, but: ${JSON.stringify(outcome.answers)}`)
}
