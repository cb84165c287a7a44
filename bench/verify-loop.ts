/** Bare `verify` of @node-rs/argon2 in a loop, as a process: what a login costs at the very least. */
import { hash, verify } from '@node-rs/argon2'
import { password } from './attempts.ts'
import type { Loop, Verified } from './bare-verify.ts'
import type { Cost } from './benchmark.ts'
import { median } from './measure.ts'

const hashes = new Map<string, string>()

/** Made once for each cost, so that a loop holds nothing but its verifies. */
async function storedHash (cost: Cost): Promise<string> {
  const key = JSON.stringify(cost)
  const stored = hashes.get(key) ?? await hash(password, cost)
  hashes.set(key, stored)
  return stored
}

async function run ({ cost, milliseconds, concurrency }: Loop): Promise<Verified> {
  const stored = await storedHash(cost)
  const times: number[] = []
  const start = performance.now()
  await Promise.all(Array.from({ length: concurrency }, async () => {
    do {
      const begin = performance.now()
      await verify(stored, password)
      times.push(performance.now() - begin)
    } while (performance.now() - start < milliseconds)
  }))
  return { verified: times.length, seconds: (performance.now() - start) / 1000, medianMilliseconds: median(times) }
}

process.on('message', (loop) => { void run(loop as Loop).then((answer) => { process.send?.(answer) }) })
process.once('disconnect', () => process.exit())
process.send?.('ready')
