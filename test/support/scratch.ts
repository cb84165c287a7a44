import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'
import { settings } from './service.ts'

const shell = promisify(execFile)
const copied = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'codegen.yml', 'graphql', 'hasura', 'src']

/** A copy of the project for changes that must not touch it: what the sandbox, the generator and the compiler read. */
export function scratch (t: Test): string {
  const cwd = temporaryFolder(t)
  for (const path of copied) cpSync(path, join(cwd, path), { recursive: true })
  symlinkSync(resolve('node_modules'), join(cwd, 'node_modules'))
  return cwd
}

/** The sides of a diff without line numbers: what stands in the file, and what will. */
function sidesOf (diff: string): [string, string] {
  const lines = diff.split('\n').slice(0, -1)
  const side = (sign: string): string => (
    lines.filter(line => !line.startsWith(sign)).map(line => `${line.slice(1)}\n`).join('')
  )
  return [side('+'), side('-')]
}

function edit (t: Test, path: string, diff: string): void {
  const [before, after] = sidesOf(diff)
  const parts = readFileSync(path, 'utf8').split(before)
  t.equal(parts.length, 2, `what is to change stands in ${path} once`)
  writeFileSync(path, parts.join(after))
}

const step = /^Delete `(?<deleted>[^`]+)`\.$|^(?:`(?<file>[^`]+)`.*:\n\n)?^```(?<language>\w+)\n(?<code>[^]*?)^```$/gm

/**
 * Does in a copy of the project what a text tells its reader to do. Under a line that begins with a file's name and
 * ends with a colon, a block of code is the whole of that file, and a `diff` what changes in it; the line `Delete` with
 * a file's name does that.
 *
 * @returns the commands that it tells to run
 */
export function follow (t: Test, cwd: string, text: string): string[] {
  const commands: string[] = []
  for (const { groups: { deleted, file, language, code = '' } = {} } of text.matchAll(step)) {
    const path = join(cwd, deleted ?? file ?? '')
    if (deleted !== undefined) rmSync(path)
    else if (language === 'sh') commands.push(code)
    else if (language === 'diff') edit(t, path, code)
    else if (file !== undefined) {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, code)
    }
  }
  return commands
}

// Without the variables of tap, which would count these processes in the coverage of the service.
const environment = (env: Record<string, string>): string[] => (
  ['-i', ...Object.entries({ PATH: process.env['PATH'] ?? '', ...env }).map(([name, value]) => `${name}=${value}`)]
)

/** Runs commands in the copy; throws, with what they print, where one fails. */
export async function run (cwd: string, commands: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await shell('env', [...environment(env), 'bash', '-ec', commands], { cwd })
    .catch((error: unknown) => { throw new Error(Object.values(error as object).join('\n')) })
  return stdout
}

/** Starts the sandbox of the copy, as a process of its own on a folder of data; the URL of its Hasura. */
export async function scratchSandbox (t: Test, cwd: string, data: string): Promise<string> {
  const { ARGON2_MEMORY_KIB, ARGON2_PASSES, HASURA_GRAPHQL_ADMIN_SECRET } = settings
  const env = environment({
    SANDBOX_PORT: '0', PORT: '0', SANDBOX_DATA_DIR: data, ARGON2_MEMORY_KIB, ARGON2_PASSES, HASURA_GRAPHQL_ADMIN_SECRET
  })
  const child = spawn('env', [...env, process.execPath, '--import', 'tsx', 'src/sandbox/main.ts'], { cwd })
  const closed = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await closed
  })
  let output = ''
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += String(chunk)
      const url = /GraphQL API +(http:\S+)\/v1\/graphql/.exec(output)?.[1]
      if (url !== undefined) resolve(url)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('close', () => { reject(new Error(`the sandbox ended: ${output}`)) })
  })
}
