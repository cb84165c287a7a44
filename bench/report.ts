import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import type { Goal, Report, Table } from './benchmark.ts'

/** A report by the name of its benchmark, or why there is none. */
export type Reports = Record<string, Report | { skipped: string }>

export function machine () {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    processors: availableParallelism(),
    memoryGibibytes: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString().slice(0, 10)
  }
}

/** A table in GitHub's Markdown. */
export function markdownTable ({ columns, rows }: Table): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Whether it is met, and by how much of what was asked; of a bound of zero there is no share. */
function verdict ({ isMet, margin }: Goal): string {
  return [isMet ? 'met' : '**missed**', ...Number.isFinite(margin) ? [`by ${Math.round(margin * 100)} %`] : []].join(' ')
}

export function markdownReport (report: Report): string {
  const goals = report.goals.map(goal => [goal.what, goal.goal, goal.measured, verdict(goal)])
  const parts = [
    `### ${report.title}`,
    ...goals.length === 0 ? [] : [markdownTable({ columns: ['goal', 'asked', 'measured', ''], rows: goals })],
    ...report.tables.map(markdownTable),
    ...report.notes
  ]
  return parts.join('\n\n')
}

export function markdownSkip (name: string, reason: string): string {
  return `### ${name}\n\nSkipped: ${reason}.`
}

const markers = /(<!-- bench -->\n).*(<!-- \/bench -->)/s

/** Keeps a full run: the numbers as JSON, and the tables in the operations page. */
export function keepReports (reports: Reports): void {
  const facts = machine()
  writeFileSync('bench/results.json', `${JSON.stringify({ machine: facts, benchmarks: reports }, undefined, 2)}\n`)
  const { processor, processors, memoryGibibytes, node, platform, date } = facts
  const text = [
    `Measured on ${date}: ${processors} processors (${processor}), ${memoryGibibytes} GiB, Node.js ${node}, ${platform}.`,
    ...Object.entries(reports).map(([name, report]) => (
      'skipped' in report ? markdownSkip(name, report.skipped) : markdownReport(report)
    ))
  ].join('\n\n')
  const page = 'docs/operations.md'
  const old = readFileSync(page, 'utf8')
  if (!markers.test(old)) throw new Error('docs/operations.md has no place for the tables: <!-- bench --> and <!-- /bench -->')
  writeFileSync(page, old.replace(markers, (_, begin: string, end: string) => `${begin}\n${text}\n\n${end}`))
}
