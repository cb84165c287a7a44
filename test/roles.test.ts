import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { hasura, temporaryFolder } from './support/folders.ts'
import { sandbox } from './support/sandbox.ts'
import { follow } from './support/scratch.ts'

const shell = promisify(execFile)

t.test('every command of the page about roles gets the answer that stands under it', async (t) => {
  const page = readFileSync('docs/roles.md', 'utf8')
  const cwd = temporaryFolder(t)
  cpSync(hasura, join(cwd, 'hasura'), { recursive: true })
  t.strictSame(follow(t, cwd, page), [])
  const { graphql, hasuraUrl } = await sandbox(t, {
    project: join(cwd, 'hasura'), env: { HASURA_GRAPHQL_ADMIN_SECRET: 'development-admin-secret' }
  })
  await graphql('mutation { Signup(email: "newuser@test.com", password: "a-password") { id } }')

  const lines = page.split('\n').filter(line => line.startsWith('    ')).map(line => line.slice(4))
  const steps = lines.join('\n').split(/^\$ /m).slice(1).map((step) => {
    const [command = '', ...answer] = step.trimEnd().split('\n')
    return { command, answer: answer.join('\n') }
  })
  t.ok(steps.length > 15)
  const script = steps.map(({ command }) => command).join('\necho; echo ---\n').replace('http://127.0.0.1:8080', hasuraUrl)
  const { stdout } = await shell('bash', ['-ec', script])
  const answers = stdout.split('---\n').map(answer => answer.trim())
  for (const [index, { command, answer }] of steps.entries()) t.equal(answers[index], answer, command)
})
