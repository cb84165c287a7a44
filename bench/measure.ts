import { readFileSync } from 'node:fs'

export function median (values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2
}

/** The value that `share` of the values do not exceed. */
export function percentile (values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? NaN
}

/**
 * Runs several measurements in turn, every second round in reverse order, so that other load on the machine affects all
 * of them alike.
 *
 * @returns for each round, the result of each measurement
 */
export async function interleave<Results extends unknown[]> (
  rounds: number, ...measurements: { [Index in keyof Results]: () => Promise<Results[Index]> }
): Promise<Results[]> {
  const all: Results[] = []
  for (let round = 0; round < rounds; round++) {
    const results: unknown[] = []
    const order = Array.from(measurements.entries())
    for (const [index, measure] of round % 2 === 0 ? order : order.toReversed()) results[index] = await measure()
    all.push(results as Results)
  }
  return all
}

/** Clock ticks per second in /proc: 100 on every Linux that Node.js supports. */
const ticksPerSecond = 100

/** Seconds of processor time that a process has used, user and system, with all of its threads. */
export function processorSeconds (pid: number): number {
  // The second field is the name in parentheses, which may contain anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

export interface Rate { processorMilliseconds: number, perSecond: number }

/** Runs work that a process does. Returns its answers per second, and the processor time that each of them took. */
export async function rateOf (
  { pid }: { pid: number }, work: () => Promise<{ answers: number, perSecond: number }>
): Promise<Rate> {
  const before = processorSeconds(pid)
  const { answers, perSecond } = await work()
  return { processorMilliseconds: (processorSeconds(pid) - before) * 1000 / answers, perSecond }
}

/** MiB of resident memory of a process. */
export function residentMebibytes (pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
