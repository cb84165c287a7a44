import { Worker } from 'node:worker_threads'
import type { Calls } from './thread.cjs'

/** A thread of this process, and who waits for what it says next. */
interface Thread {
  worker: Worker
  answered: (message: unknown) => void
  failed: (error: unknown) => void
}

/** Those that have nothing to do, the last one that had at the end: its caches are the warmest. */
let idle: Thread[] = []

async function nextMessage (thread: Thread): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.answered = resolve
    thread.failed = reject
  })
}

function rest (thread: Thread): void {
  // The process stays for as long as a thread has something to do.
  thread.worker.unref()
  idle.push(thread)
}

async function startThread (): Promise<Thread> {
  // Plain JavaScript, which needs none of the loaders that this process may run with; and it needs no secrets.
  const worker = new Worker(new URL('thread.cjs', import.meta.url), { execArgv: [], env: {} })
  const nobody = (): void => { /* nobody waits for it */ }
  const thread: Thread = { worker, answered: nobody, failed: nobody }
  worker.on('message', (message) => {
    // At once, and not when its caller comes to it: one that ends after its answer is then taken out again.
    if (message !== 'ready') rest(thread)
    thread.answered(message)
  })
  // For as long as it lives: an error that nobody listens to would end the process, and one can end without any.
  worker.on('error', (error) => { thread.failed(error) })
  worker.on('exit', () => {
    idle = idle.filter(other => other !== thread)
    thread.failed(new Error('the thread has ended'))
  })
  await nextMessage(thread)
  return thread
}

/** Settles when the first thread is there. It is begun here, so that it starts while other modules are still loaded. */
export const firstThread = startThread().then(rest)

/** What a function of `thread.cjs` threw, as the cause: any other error is that the thread failed. */
export class CallError extends Error {}

/**
 * Calls a function of `thread.cjs` on a thread that does nothing else meanwhile. Threads are made as they are needed
 * and then kept, so that there are as many as calls at once: whoever calls has to bound these. libuv's own threads are
 * left to DNS and files, which would else wait for hashes.
 *
 * @throws CallError where the function throws, and another Error where no thread can be made or it ends
 */
export async function onThread<Name extends keyof Calls> (
  name: Name, ...args: Parameters<Calls[Name]>
): Promise<ReturnType<Calls[Name]>> {
  const thread = idle.pop() ?? await startThread()
  thread.worker.ref()
  thread.worker.postMessage([name, args])
  const answer = await nextMessage(thread) as { result: ReturnType<Calls[Name]> } | { error: unknown }
  if ('error' in answer) throw new CallError('the hash failed', { cause: answer.error })
  return answer.result
}
