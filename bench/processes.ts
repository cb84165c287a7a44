import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
const running = new Set<ChildProcess>()

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

function keep (child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
}

/** Milliseconds that a process gets to start, and to end. */
const patience = 20_000

async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), patience)
  await gone
  clearTimeout(timer)
}

/** Ends what a benchmark has started. */
export async function stopAll (): Promise<void> {
  await Promise.all(Array.from(running, stop))
}

export async function freePort (): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a process in an empty folder, with nothing in its environment but `env`. */
export function start (command: string[], env: Record<string, string>, output: number | 'pipe', cwd = folder): ChildProcess {
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    cwd, env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['ignore', output, output]
  })
  keep(child)
  return child
}

export interface Server {
  url: string
  pid: number
  /** What it has printed. */
  output: () => string
  stop: () => Promise<void>
}

/**
 * Starts a server whose output goes to a file, and waits until `path` answers.
 *
 * @throws Error with what it printed, where it ends or does not answer
 */
export async function startServer (
  command: string[], env: Record<string, string>, port: number, path: string, cwd?: string
): Promise<Server> {
  const log = join(folder, `${port}.log`)
  const file = openSync(log, 'w')
  const child = start(command, env, file, cwd)
  closeSync(file)
  const url = `http://127.0.0.1:${port}`
  const giveUpAt = Date.now() + patience
  while (!await fetch(url + path).then(async answer => answer.text().then(() => answer.ok), () => false)) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      throw new Error(`${command.join(' ')} does not answer:\n${readFileSync(log, 'utf8')}`)
    }
    await after(20)
  }
  return { url, pid: child.pid ?? NaN, output: () => readFileSync(log, 'utf8'), stop: async () => stop(child) }
}

export interface Helper {
  pid: number
  /** What it said when it was ready. */
  ready: unknown
  /** Sends one message and waits for the one that answers it. */
  ask: (question: unknown) => Promise<unknown>
}

async function nextMessage (child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => { reject(new Error('a process of the benchmark ended')) }
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message)
    })
  })
}

/** Starts one of the modules beside this one as a process of its own, which says when it is ready. */
export async function startHelper (name: string, argument: object, env: Record<string, string> = {}): Promise<Helper> {
  const child = fork(join(import.meta.dirname, name), [JSON.stringify(argument)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    // Other than JSON, it has a NaN.
    serialization: 'advanced'
  })
  keep(child)
  const ready = await nextMessage(child)
  return {
    pid: child.pid ?? NaN,
    ready,
    ask: async (question) => {
      const answer = nextMessage(child)
      child.send(question as object)
      return answer
    }
  }
}
