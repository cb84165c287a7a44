import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Worker } from 'node:worker_threads'
import type { Test } from 'tap'

/**
 * Control over the threads that hash, for pools and services that the test starts after this call.
 *
 * - `threads`: every worker that was made
 * - `calls`: every call that was sent to them, as the name of a function and its arguments
 * - `hold` and `release`: in between, no call gets to its thread
 * - `failStarts`: whether a new thread ends before it is ready
 */
export function hashThreads (t: Test) {
  const threads: Worker[] = []
  const calls: Array<[name: string, args: unknown[]]> = []
  let held: Array<() => void> | undefined
  let isFailing = false
  const onThread = (message: unknown): void => {
    const { worker } = message as { worker: Worker }
    threads.push(worker)
    if (isFailing) void worker.terminate()
    const post = worker.postMessage.bind(worker)
    worker.postMessage = (value: [string, unknown[]]) => {
      calls.push(value)
      if (held === undefined) post(value)
      else held.push(() => { post(value) })
    }
  }
  subscribe('worker_threads', onThread)
  t.teardown(() => { unsubscribe('worker_threads', onThread) })
  return {
    threads,
    calls,
    hold: () => { held = [] },
    release: () => {
      for (const post of held ?? []) post()
      held = undefined
    },
    failStarts: (value: boolean) => { isFailing = value }
  }
}
