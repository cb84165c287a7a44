import { spawn } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { Test } from 'tap'
import { dataFolder, hasura, temporaryFolder } from './support/folders.ts'
import { sandbox } from './support/sandbox.ts'
import { perform, stepsOf } from './support/scratch.ts'
import { tokenSecret } from './support/sessions.ts'
import { skipSlow } from './support/slow.ts'

/** The values that differ in every run. */
const varying: Array<[RegExp, string]> = [
  [/\$argon2id\$[^"]+/g, '<hash>'],
  [/eyJ[\w.…-]+/g, '<token>'],
  [/\b[\da-f]{8}-[\da-f-]{27}\b/g, '<uuid>'],
  [/\bA[\w-]{75}(?![\w-])|\bA\w+…/g, '<refresh token>'],
  [/\b\d{10}\b/g, '<time>']
]

/** Output that can be compared: without what varies, and without the white space of JSON. */
function normalize (output: string): string {
  const text = output.startsWith('{"') ? JSON.stringify(JSON.parse(output)) : output.trim()
  return varying.reduce((text, [pattern, name]) => text.replaceAll(pattern, name), text)
}

/** Opens a shell. Returns a function that runs commands in it, one after the other, and returns what they print. */
function openShell (t: Test): (commands: string) => Promise<string> {
  const child = spawn('bash', { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => { child.stdin.end() })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return async (commands) => {
    child.stdin.write(`${commands}\necho\necho end of output\n`)
    const output: string[] = []
    for (let line = await lines.next(); line.value !== 'end of output'; line = await lines.next()) {
      if (line.done === true) throw new Error(`the shell exited at: ${commands}`)
      output.push(line.value)
    }
    return output.join('\n')
  }
}

t.test('every command in the README, docs/roles.md, docs/sessions.md and docs/mail.md prints the answer below it', async (t) => {
  const read = (page: string): string => readFileSync(page, 'utf8')
  const tryIt = (page: string): string => /^###? Try it\n([^]*?)^## /m.exec(read(page))?.[1] ?? ''
  const [unverified = ''] = /^## Users who have not verified their email\n[^]*?^## /m.exec(read('docs/mail.md')) ?? []
  const cwd = temporaryFolder(t)
  const project = join(cwd, 'hasura')
  cpSync(hasura, project, { recursive: true })
  const env = {
    HASURA_GRAPHQL_ADMIN_SECRET: 'development-admin-secret',
    ACTION_SECRET: 'development-action-secret',
    TOKEN_SECRET: tokenSecret.TOKEN_SECRET,
    SANDBOX_DATA_DIR: dataFolder(t)
  }
  let running = await sandbox(t, { project, env })
  const { hasuraUrl } = running
  const run = openShell(t)

  /** Follows parts of pages, and returns the number of answers that they show. */
  const walk = async (t: Test, parts: string[]): Promise<number> => {
    const steps = parts.flatMap(stepsOf)
    for (const step of steps) {
      if (step.kind === 'run') {
        const output = await run(step.commands.replaceAll('http://127.0.0.1:8080', hasuraUrl))
        t.equal(normalize(output), normalize(step.output ?? ''), step.commands)
      } else {
        // As the page says: the sandbox reads changed metadata when it starts.
        perform(t, cwd, step)
        await running.close()
        running = await sandbox(t, { project, env: { ...env, SANDBOX_PORT: new URL(hasuraUrl).port } })
      }
    }
    return steps.filter(step => step.kind === 'run' && step.output !== undefined).length
  }

  await t.test('in the README', async (t) => {
    t.ok(await walk(t, [tryIt('README.md')]) > 0)
  })
  // Each request starts a process for its JSON.
  await t.test('in docs/roles.md, docs/sessions.md and docs/mail.md', { skip: skipSlow }, async (t) => {
    t.ok(await walk(t, [read('docs/roles.md'), read('docs/sessions.md'), tryIt('docs/mail.md'), unverified]) > 12)
  })
})
