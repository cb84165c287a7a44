import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'

/** Starts the process in an empty folder with nothing but `env` in its environment. */
export function start (
  t: Test, env: Record<string, string>, cwd = temporaryFolder(t), args = [resolve('src/server.ts')]
) {
  // Where the coverage is counted, with tap's variables and loaders, so that this process counts, too.
  const isCounted = process.env['_TAPJS_PROCESSINFO_COVERAGE_'] !== '0'
  const inherited = isCounted ? /^(NODE_|TAP|_TAPJS)|PATH$/ : /^PATH$/
  const options = Object.fromEntries(Object.entries(process.env).filter(([name]) => inherited.test(name)))
  const tsx = `--import=${import.meta.resolve('tsx')}`
  const loaders = isCounted ? process.execArgv.map(argument => (argument === '--import=tsx' ? tsx : argument)) : [tsx]
  const child = spawn(process.execPath, [...loaders, ...args], {
    cwd, env: { ...options, ...env }, stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => child.kill('SIGKILL'))
  return { child, cwd, stderr: text(child.stderr) }
}

/** The first group of what the process says. Its output is read to the end, so that it can go on writing. */
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

/** The URL that the process says it listens on. */
export async function listening (child: ChildProcess): Promise<string> {
  return said(child, /listening at (http:[^"]+)/)
}
