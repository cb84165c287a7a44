/** Verifies in a loop, as a process: on libuv's pool, or on worker threads with the synchronous call. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { hash, verify } from '@node-rs/argon2'
import { password } from './attempts.ts'
import type { ThreadsLoop } from './threads.ts'

const { way, concurrency, cost } = JSON.parse(process.argv[2] ?? '{}') as ThreadsLoop
const stored = await hash(password, cost)

const script = `
  const { parentPort } = require('node:worker_threads')
  const { verifySync } = require('@node-rs/argon2')
  parentPort.on('message', ([stored, password]) => { parentPort.postMessage(verifySync(stored, password)) })
  parentPort.postMessage('ready')`

/** What verifies once, with a worker of its own where there are workers. */
async function makeVerify (): Promise<() => Promise<unknown>> {
  if (way === 'pool') return async () => verify(stored, password)
  const worker = new Worker(script, { eval: true, execArgv: [] })
  await once(worker, 'message')
  return async () => {
    worker.postMessage([stored, password])
    return once(worker, 'message')
  }
}

const begin = performance.now()
const verifies = await Promise.all(Array.from({ length: concurrency }, makeVerify))
const startMilliseconds = performance.now() - begin

async function run (milliseconds: number): Promise<object> {
  let verified = 0
  const start = performance.now()
  await Promise.all(verifies.map(async (verifyOnce) => {
    do {
      await verifyOnce()
      verified++
    } while (performance.now() - start < milliseconds)
  }))
  return { verified, seconds: (performance.now() - start) / 1000 }
}

process.on('message', (milliseconds) => { void run(milliseconds as number).then((answer) => { process.send?.(answer) }) })
process.once('disconnect', () => process.exit())
process.send?.(startMilliseconds)
