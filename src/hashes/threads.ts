import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Calls } from './thread.cjs'

/** Threads of this process that have nothing to do, the last one that had at the end: its caches are the warmest. */
const idle: Worker[] = []

async function startThread (): Promise<Worker> {
  // Plain JavaScript, which needs none of the loaders that this process may run with; and it needs no secrets.
  const thread = new Worker(new URL('thread.cjs', import.meta.url), { execArgv: [], env: {} })
  await once(thread, 'message')
  return thread
}

function rest (thread: Worker): void {
  // The process stays for as long as a thread has something to do.
  thread.unref()
  idle.push(thread)
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
  thread.ref()
  thread.postMessage([name, args])
  const [answer] = await once(thread, 'message') as [{ result: ReturnType<Calls[Name]> } | { error: unknown }]
  rest(thread)
  if ('error' in answer) throw new CallError('the hash failed', { cause: answer.error })
  return answer.result
}
