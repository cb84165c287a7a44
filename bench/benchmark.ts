/** Cost of Argon2id, by the names of the library. */
export interface Cost { memoryCost: number, timeCost: number, parallelism: number }

export interface Context {
  /** A smoke run: everything once, briefly and at the smallest cost. Its numbers mean nothing. */
  quick: boolean
  /** Whether this is a full run, which is kept. */
  keep: boolean
  /** What the service costs by default. */
  cost: Cost
  /** Interleaved pairs in a comparison. */
  pairs: number
  /** One line about what is being done. */
  progress: (text: string) => void
}

export interface Table { columns: string[], rows: string[][] }

/** What a benchmark was to reach, what it reached, and how far apart the two are, as a share of the goal. */
export interface Goal { what: string, goal: string, measured: string, isMet: boolean, margin: number }

export interface Report {
  title: string
  goals: Goal[]
  tables: Table[]
  /** What a reader must know to read the tables, in whole sentences. */
  notes: string[]
  /** Numbers behind the tables, for `results.json`. */
  data: object
}

/** Thrown by a benchmark that cannot run here, with the reason. */
export class Skip extends Error {}

/** A goal that is a bound from above. */
export function atMost (bound: number, what: string, value: number, unit = '', digits = 2): Goal {
  const [isMet, margin] = [value <= bound, Math.abs(value - bound) / bound]
  return { what, goal: `≤ ${bound}${unit}`, measured: `${value.toFixed(digits)}${unit}`, isMet, margin }
}

/** A goal that is a bound from below. */
export function atLeast (bound: number, what: string, value: number, unit = '', digits = 2): Goal {
  const [isMet, margin] = [value >= bound, Math.abs(value - bound) / bound]
  return { what, goal: `≥ ${bound}${unit}`, measured: `${value.toFixed(digits)}${unit}`, isMet, margin }
}
