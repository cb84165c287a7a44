/**
 * A process under a low limit of file descriptors: takes all that are free once one thread of the pool runs, hashes
 * three passwords at once, and prints what came of them.
 */
import { closeSync, openSync } from 'node:fs'
import { startThreadPool } from '../../src/password/threads.ts'

const failures: string[] = []
const pool = await startThreadPool((error) => { failures.push((error as NodeJS.ErrnoException).code ?? 'unknown') })
const taken: number[] = []
try {
  for (;;) taken.push(openSync('/dev/null', 'r'))
} catch {
  // No descriptor is free.
}
const cost = { memoryCost: 8, timeCost: 1, parallelism: 1 }
const hashes = await Promise.allSettled([1, 2, 3].map(async () => pool.call('hashArgon2', 'a-password', cost)))
for (const descriptor of taken) closeSync(descriptor)
console.log(JSON.stringify({ failures, outcomes: hashes.map(({ status }) => status) }))
await pool.close()
