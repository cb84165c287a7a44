import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { temporaryFolder } from './folders.ts'
import { said, start } from './process.ts'
import { settings } from './service.ts'

const shell = promisify(execFile)
const copied = [
  '.taprc', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'codegen.yml', 'docs', 'graphql', 'hasura', 'src', 'test/support'
]

/** Copies the project without its test files, for changes that must not touch it. Returns the folder. */
export function scratch (t: Test): string {
  const cwd = temporaryFolder(t)
  for (const path of copied) cpSync(path, join(cwd, path), { recursive: true })
  symlinkSync(resolve('node_modules'), join(cwd, 'node_modules'))
  return cwd
}

/** One instruction of a page. `file` is relative to the project. */
export type Step = { kind: 'delete', file: string }
  | { kind: 'write', file: string, content: string }
  | { kind: 'edit', file: string, diff: string }
  | { kind: 'run', commands: string, output?: string }

const instruction = new RegExp([
  /^Delete `(?<deleted>[^`]+)`\.$/,
  /^(?:`(?<file>[^`]+)`.*:\n\n)?^```(?<language>\w+)\n(?<code>[^]*?)^```$/
].map(({ source }) => source).join('|'), 'gm')

/**
 * Reads the instructions of a page, in order:
 *
 * - A line that starts with a file name and ends with a colon, then a code block: the new content of the file. A `diff`
 *   block changes the file instead.
 * - A `diff` block without such a line changes several files: `--- name` comes before the changes of each one, and `@@`
 *   between two changes. A file that gets nothing but new lines is new.
 * - A line ``Delete `name`.`` deletes the file.
 * - A `sh` block holds commands. A `json` or `text` block after it shows what the last command prints.
 */
export function stepsOf (page: string): Step[] {
  const steps: Step[] = []
  for (const { groups: { deleted, file, language = '', code = '' } = {} } of page.matchAll(instruction)) {
    const last = steps.at(-1)
    if (deleted !== undefined) steps.push({ kind: 'delete', file: deleted })
    else if (language === 'sh') steps.push({ kind: 'run', commands: code })
    else if (language === 'diff' && file === undefined) steps.push(...editsOf(code))
    else if (file !== undefined) {
      steps.push(language === 'diff' ? { kind: 'edit', file, diff: code } : { kind: 'write', file, content: code })
    } else if (last?.kind === 'run' && ['json', 'text'].includes(language)) last.output ??= code
  }
  return steps
}

/** The steps of a diff of several files. */
function editsOf (code: string): Step[] {
  return code.split(/^--- /m).slice(1).flatMap((part): Step[] => {
    const [file = '', ...lines] = part.split('\n')
    return lines.join('\n').split(/^@@\n/m).map((diff) => {
      const [before, after] = sidesOf(diff)
      return before === '' ? { kind: 'write', file, content: after } : { kind: 'edit', file, diff }
    })
  })
}

/** Both sides of a diff that has no line numbers: what the file contains, and what replaces it. */
function sidesOf (diff: string): [string, string] {
  const lines = diff.split('\n').slice(0, -1)
  const side = (sign: string): string => (
    lines.filter(line => !line.startsWith(sign)).map(line => `${line.slice(1)}\n`).join('')
  )
  return [side('+'), side('-')]
}

/** Changes the files of a copy as a step says. Returns the commands of a `run` step, which it does not run. */
export function perform (t: Test, cwd: string, step: Step): string[] {
  if (step.kind === 'run') return [step.commands]
  const path = join(cwd, step.file)
  if (step.kind === 'delete') rmSync(path)
  if (step.kind === 'write') {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, step.content)
  }
  if (step.kind === 'edit') {
    const [before, after] = sidesOf(step.diff)
    const parts = readFileSync(path, 'utf8').split(before)
    t.equal(parts.length, 2, `${step.file} contains the lines to change exactly once`)
    writeFileSync(path, parts.join(after))
  }
  return []
}

/** Follows a page in a copy of the project, and returns the commands that the page gives. */
export function follow (t: Test, cwd: string, page: string): string[] {
  return stepsOf(page).flatMap(step => perform(t, cwd, step))
}

/**
 * Runs commands in the copy.
 *
 * @throws Error with everything they print, if one of them fails
 */
export async function run (cwd: string, commands: string, env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await shell('bash', ['-ec', commands], { cwd, env: { PATH: process.env['PATH'], ...env } })
    .catch((error: unknown) => { throw new Error(Object.values(error as object).join('\n')) })
  return stdout
}

/** Starts the compiled sandbox of the copy as a process on the given data folder. Returns the URL of its Hasura. */
export async function scratchSandbox (t: Test, cwd: string, data: string): Promise<string> {
  const { ARGON2_MEMORY_KIB, ARGON2_PASSES, HASURA_GRAPHQL_ADMIN_SECRET } = settings
  const { child } = start(t, {
    SANDBOX_PORT: '0', PORT: '0', SANDBOX_DATA_DIR: data, ARGON2_MEMORY_KIB, ARGON2_PASSES, HASURA_GRAPHQL_ADMIN_SECRET
  }, cwd, ['build/src/sandbox/main.js'])
  const closed = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await closed
  })
  return said(child, /GraphQL API +(http:\S+)\/v1\/graphql/)
}
