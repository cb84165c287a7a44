import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'

/** The compiled form of a module, by the path of its source. */
export function compiled (source: string): string {
  return resolve('build', source.replace(/\.ts$/, '.js'))
}

/**
 * V8's options for the tests and the processes that they start. A test does little work: V8 optimizes a function after
 * 15 times as much work as by default, and compiles WebAssembly with its fast compiler alone.
 */
export const v8Options = ['--interrupt-budget=1000000', '--liftoff-only']

/** The environment of a process that a test starts: only `env`, and where its coverage goes if that is measured. */
function environment (env: Record<string, string>): Record<string, string> {
  const { PATH = '', NODE_V8_COVERAGE } = process.env
  return { PATH, ...NODE_V8_COVERAGE === undefined ? {} : { NODE_V8_COVERAGE }, ...env }
}

/** Starts a process in an empty folder, with only `env` in its environment; by default, the service. */
export function start (
  t: Test, env: Record<string, string>, cwd = temporaryFolder(t), args = [compiled('src/server.ts')]
) {
  const child = spawn(process.execPath, [...v8Options, ...args], { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, cwd, stderr: text(child.stderr) }
}

/** The first group that `pattern` finds in the output, which is read to its end so that the process never blocks. */
export async function said (child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += String(chunk)
      const match = pattern.exec(output)?.[1]
      if (match !== undefined) resolve(match)
    })
    child.once('exit', () => { reject(new Error(`the process ended: ${output}`)) })
  })
}

/** The URL on which the process says that it listens. */
export async function listening (child: ChildProcess): Promise<string> {
  return said(child, /listening at (http:[^"]+)/)
}
