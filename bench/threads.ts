import { availableParallelism } from 'node:os'
import type { Context, Cost, Report } from './benchmark.ts'
import { interleave, median, processorSeconds, residentMebibytes } from './measure.ts'
import { startHelper } from './processes.ts'

export interface ThreadsLoop { way: 'pool' | 'workers', concurrency: number, cost: Cost }

interface Way { perSecond: number, cpuMilliseconds: number, mebibytes: number, startMilliseconds: number }

async function startWay (loop: ThreadsLoop, milliseconds: number): Promise<() => Promise<Way>> {
  const { pid, ready, ask } = await startHelper('threads-loop.js', loop, { UV_THREADPOOL_SIZE: String(loop.concurrency + 4) })
  return async () => {
    const before = processorSeconds(pid)
    const { verified, seconds } = await ask(milliseconds) as { verified: number, seconds: number }
    return {
      perSecond: verified / seconds,
      cpuMilliseconds: (processorSeconds(pid) - before) * 1000 / verified,
      mebibytes: residentMebibytes(pid),
      startMilliseconds: Number(ready)
    }
  }
}

/** The two ways to run as many hashes at once as there are processors, on machines with more than four. */
export async function threads ({ quick, cost, pairs, progress }: Context): Promise<Report> {
  const rows: string[][] = []
  const data: Record<string, object> = {}
  for (const concurrency of [availableParallelism(), 8]) {
    progress(`${pairs} pairs of libuv's pool and worker threads, ${concurrency} hashes at once`)
    const milliseconds = quick ? 50 : 600
    const pool = await startWay({ way: 'pool', concurrency, cost }, milliseconds)
    const workers = await startWay({ way: 'workers', concurrency, cost }, milliseconds)
    await pool()
    await workers()
    const measured = await interleave(pairs, pool, workers)
    const ratio = median(measured.map(([pool, workers]) => workers.perSecond / pool.perSecond))
    const row = (name: string, ways: Way[], against = '', madeIn = ''): string[] => {
      const of = (figure: keyof Way): number => median(ways.map(way => way[figure]))
      return [
        `${name}, ${concurrency} at once`, of('perSecond').toFixed(1), against, `${of('cpuMilliseconds').toFixed(2)} ms`,
        `${of('mebibytes').toFixed(0)} MiB`, madeIn
      ]
    }
    rows.push(row('libuv\'s pool', measured.map(([pool]) => pool)))
    const madeIn = median(measured.map(([, workers]) => workers.startMilliseconds))
    rows.push(row('worker threads', measured.map(([, workers]) => workers), `${ratio.toFixed(2)}×`, `${madeIn.toFixed(0)} ms`))
    data[concurrency] = { ratio, pairs: measured }
  }
  return {
    title: 'Threads for hashes',
    goals: [],
    tables: [{ columns: ['', 'verifies a second', 'against the pool', 'processor time each', 'memory', 'made in'], rows }],
    notes: ['libuv\'s pool has room for DNS and files: four threads more, and makes all of them with its first task. The service hashes on worker threads.'],
    data
  }
}
