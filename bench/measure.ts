import { readdirSync, readFileSync } from 'node:fs'
import { Skip } from './benchmark.ts'

/** NaN where one of them is: what could not be measured meets no goal. */
export function median (values: number[]): number {
  if (values.some(value => Number.isNaN(value))) return NaN
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2
}

/**
 * Measures things in turn, so that whatever else the machine does falls on all of them alike; every other round is in
 * the opposite order.
 *
 * @returns for each round what each of them came to
 */
export async function interleave<Results extends unknown[]> (
  rounds: number, ...works: { [Index in keyof Results]: () => Promise<Results[Index]> }
): Promise<Results[]> {
  const measured: Results[] = []
  for (let round = 0; round < rounds; round++) {
    const results: unknown[] = []
    const order = Array.from(works.entries())
    for (const [index, work] of round % 2 === 0 ? order : order.toReversed()) results[index] = await work()
    measured.push(results as Results)
  }
  return measured
}

/** Clock ticks a second in /proc: 100 on every Linux that Node.js runs on. */
const ticksPerSecond = 100

/** @param of - a process by its id, or a thread as `process/task/thread` */
function stat (of: string): { parent: number, ticks: number } | undefined {
  try {
    // The second field is the name, in parentheses, and can hold anything.
    const fields = readFileSync(`/proc/${of}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    // It has ended since.
    return undefined
  }
}

/** A process and all that it started. */
function family (pid: number): Array<{ pid: number, ticks: number }> {
  if (process.platform !== 'linux') throw new Skip('processor time and memory of a process are read from /proc, on Linux')
  const all = readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap((name) => {
    const found = stat(name)
    return found === undefined ? [] : [{ pid: Number(name), ...found }]
  })
  const members = all.filter(process => process.pid === pid)
  for (const member of members) members.push(...all.filter(({ parent }) => parent === member.pid))
  return members
}

/** Seconds of processor time, user and system, that a process and all that it started have used. */
export function processorSeconds (pid: number): number {
  return family(pid).reduce((sum, { ticks }) => sum + ticks, 0) / ticksPerSecond
}

/** Those of them that its first thread has used, which in Node.js has the event loop. */
export function eventLoopSeconds (pid: number): number {
  return (stat(`${pid}/task/${pid}`)?.ticks ?? NaN) / ticksPerSecond
}

/** MiB of resident memory of a process and all that it started. */
export function residentMebibytes (pid: number): number {
  return family(pid).reduce((sum, member) => {
    const status = readFileSync(`/proc/${member.pid}/status`, 'utf8')
    return sum + Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
  }, 0)
}
