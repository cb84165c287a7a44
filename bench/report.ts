import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import type { Cost } from './users.ts'

export interface Context {
  /** A smoke test: everything once, short and cheap. Its numbers mean nothing. */
  isQuick: boolean
  cost: Cost
  /** Interleaved rounds of a comparison. */
  rounds: number
  /** Reports what runs now. */
  progress: (text: string) => void
}

export interface Report {
  title: string
  columns: string[]
  rows: string[][]
  /** What a reader must know to understand the table, in whole sentences. */
  notes: string[]
  /** Set if the result is one that must not be. */
  failure?: string
}

export function toMarkdown ({ title, columns, rows, notes }: Report): string {
  const lines = [columns, columns.map((_column, index) => index === 0 ? '---' : '--:'), ...rows]
  return [`## ${title}`, lines.map(cells => `| ${cells.join(' | ')} |`).join('\n'), ...notes].join('\n\n')
}

const markers = /(?<=<!-- results -->\n).*(?=<!-- end of results -->)/s

/**
 * Writes the results into `docs/benchmarks.md`, between its two markers.
 *
 * @param loadBefore - the load average of the machine before the benchmarks
 */
export function writeResults (reports: Report[], loadBefore: number): void {
  const machine = [
    `${availableParallelism()} processors (${cpus()[0]?.model.trim() ?? 'unknown'})`,
    `${Math.round(totalmem() / 2 ** 30)} GiB`, `Node.js ${process.version}`, process.platform
  ].join(', ')
  const date = new Date().toISOString().slice(0, 10)
  const conditions = `Measured on ${date}: ${machine}. The load average of other work on the machine was ${loadBefore.toFixed(1)}.`
  const results = [conditions, ...reports.map(toMarkdown)].join('\n\n')
  const page = 'docs/benchmarks.md'
  writeFileSync(page, readFileSync(page, 'utf8').replace(markers, () => `\n${results}\n\n`))
}
