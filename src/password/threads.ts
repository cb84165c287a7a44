import { Worker } from 'node:worker_threads'
import type { Calls } from './thread.cjs'

/** A worker, and what settles the promise of its next message. */
interface Thread {
  worker: Worker
  resolve?: (message: unknown) => void
  reject?: (error: unknown) => void
}

export interface ThreadPool {
  /**
   * Calls a function of `thread.cjs` on a thread that runs nothing else at the same time. There is one thread for each
   * concurrent call, so the caller must limit concurrency. The threads of libuv stay free for DNS and files.
   *
   * @throws CallError if the function throws; another Error if the thread ends, or none can start
   */
  call: <Name extends keyof Calls>(name: Name, ...args: Parameters<Calls[Name]>) => Promise<ReturnType<Calls[Name]>>
  /** Ends the idle threads at once, and each of the others after its call. */
  close: () => Promise<void>
}

/** A function of `thread.cjs` threw an error, which is the cause of this one. */
export class CallError extends Error {}

async function nextMessage (thread: Thread): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.resolve = resolve
    thread.reject = reject
  })
}

/**
 * Starts a pool with one thread. The others start when they are needed, and stay.
 *
 * @param onStartFailure - called when a thread cannot start and its call waits for another one
 * @throws Error if the first thread cannot start
 */
export async function startThreadPool (onStartFailure: (error: unknown) => void): Promise<ThreadPool> {
  const living = new Set<Thread>()
  // The last thread that worked is at the end: its caches are the warmest.
  let idle: Thread[] = []
  let waiting: Array<() => void> = []
  let canStart = true
  let isClosed = false

  function rest (thread: Thread): void {
    if (isClosed) void thread.worker.terminate()
    // Only a thread that works keeps the process running.
    thread.worker.unref()
    idle.push(thread)
    waiting.shift()?.()
  }

  function remove (thread: Thread): void {
    thread.reject?.(new Error('the thread has ended'))
    if (!living.delete(thread)) return
    idle = idle.filter(other => other !== thread)
    // Its file descriptors are free again. If it was the last thread, no other one would serve the waiting calls.
    canStart = true
    for (const wake of waiting) wake()
    waiting = []
  }

  async function start (): Promise<Thread> {
    // The thread needs neither the options nor the environment of this process, which holds secrets.
    const worker = new Worker(new URL('thread.cjs', import.meta.url), { execArgv: [], env: {} })
    const thread: Thread = { worker }
    worker.on('message', (message) => {
      // Mark the thread idle before resolving, so that one that exits right after its answer is removed.
      if (message !== 'ready') rest(thread)
      thread.resolve?.(message)
    })
    // Without a listener an error would end the process. A thread can also end without an error.
    worker.on('error', (error) => { thread.reject?.(error) })
    worker.on('exit', () => { remove(thread) })
    await nextMessage(thread)
    living.add(thread)
    return thread
  }

  async function startOrWait (): Promise<Thread | undefined> {
    if (canStart) {
      try {
        return await start()
      } catch (error) {
        if (living.size === 0) throw error
        // In Node.js 20 every worker that cannot start leaks file descriptors, so it is not tried again and again.
        canStart = false
        onStartFailure(error)
      }
    }
    if (idle.length === 0) await new Promise<void>((resolve) => { waiting.push(resolve) })
    return idle.pop()
  }

  async function take (): Promise<Thread> {
    return idle.pop() ?? await startOrWait() ?? take()
  }

  rest(await start())
  return {
    async call<Name extends keyof Calls> (name: Name, ...args: Parameters<Calls[Name]>) {
      const thread = await take()
      thread.worker.ref()
      thread.worker.postMessage([name, args])
      const answer = await nextMessage(thread) as { result: ReturnType<Calls[Name]> } | { error: unknown }
      if ('error' in answer) throw new CallError('the hash failed', { cause: answer.error })
      return answer.result
    },
    async close () {
      isClosed = true
      await Promise.all(idle.map(async ({ worker }) => worker.terminate()))
    }
  }
}
