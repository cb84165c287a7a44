import type { Cost } from './benchmark.ts'
import { startHelper } from './processes.ts'

export interface Loop { cost: Cost, milliseconds: number, concurrency: number }

export interface Verified { verified: number, seconds: number, medianMilliseconds: number }

/** Starts a process that does nothing but verify, with a thread for each of `concurrency` verifies. */
export async function startBareVerify (concurrency: number) {
  const threads = { UV_THREADPOOL_SIZE: String(Math.max(4, concurrency)) }
  const { pid, ask } = await startHelper('verify-loop.js', {}, threads)
  return { pid, verify: async (loop: Loop) => await ask(loop) as Verified }
}
