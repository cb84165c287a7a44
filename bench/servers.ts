import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { actionSecret, adminSecret } from './users.ts'
import type { Cost } from './users.ts'

export interface Server { url: string, pid: number }

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const running = new Set<ChildProcess>()
const startTimeoutMs = 30_000

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

/**
 * Starts a compiled module as a process that writes its log to a file, and waits for its URL in that log.
 *
 * @throws Error with the log, if the process ends or does not listen in time
 */
export async function startServer (module: string, env: Record<string, string> = {}): Promise<Server> {
  const log = join(folder, `${running.size}-${Date.now()}.log`)
  const file = openSync(log, 'w')
  const child = spawn(process.execPath, [join(import.meta.dirname, module)], {
    cwd: folder, env: { PATH: process.env['PATH'], PORT: '0', ...env }, stdio: ['ignore', file, file]
  })
  closeSync(file)
  running.add(child)
  child.once('exit', () => running.delete(child))
  const giveUpAt = Date.now() + startTimeoutMs
  while (child.exitCode === null && Date.now() < giveUpAt) {
    const url = /listening at (http:[^"\s]+)/.exec(readFileSync(log, 'utf8'))?.[1]
    if (url !== undefined) return { url, pid: child.pid ?? NaN }
    await after(20)
  }
  throw new Error(`${module} does not listen:\n${readFileSync(log, 'utf8')}`)
}

/** Starts a stand-in for Hasura whose users have hashes of this cost. */
export async function startHasura (cost: Cost): Promise<Server> {
  return startServer('hasura-stand-in.js', { COST: JSON.stringify(cost) })
}

/** Starts the service. Its limit on failed logins is out of the way, unless `env` sets it. */
export async function startService (
  hasura: Server, cost: Cost, env: Record<string, string> = {}, module = '../src/server.js'
): Promise<Server> {
  return startServer(module, {
    HASURA_GRAPHQL_ENDPOINT: hasura.url,
    HASURA_GRAPHQL_ADMIN_SECRET: adminSecret,
    HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"a-key-of-the-bench-of-at-least-32-bytes"}',
    ACTION_SECRET: actionSecret,
    ARGON2_MEMORY_KIB: String(cost.memoryCost),
    ARGON2_PASSES: String(cost.timeCost),
    ARGON2_LANES: String(cost.parallelism),
    LOGIN_LIMIT_PER_ACCOUNT: '1000000',
    ...env
  })
}

/** Ends all servers. */
export async function stopAll (): Promise<void> {
  await Promise.all(Array.from(running, async (child) => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }))
}
