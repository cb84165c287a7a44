import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { hasura, temporaryFolder } from '../support/folders.ts'
import { compiled, start } from '../support/process.ts'
import { sandbox } from '../support/sandbox.ts'
import { settings } from '../support/service.ts'
import { skipSlow } from '../support/slow.ts'

const file = 'graphql/schema.graphql'

/** Runs the command in a folder that contains the metadata and migrations, but no schema. */
async function pull (t: Test, env: Record<string, string>) {
  const cwd = temporaryFolder(t)
  cpSync(hasura, join(cwd, 'hasura'), { recursive: true })
  mkdirSync(join(cwd, 'graphql'))
  const { child, stderr } = start(t, env, cwd, [compiled('src/cli/pull-schema/pull-schema.ts')])
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'close')]) as [string, [number]]
  return { cwd, output, status, errors: await stderr }
}

t.test('schema:pull writes the schema of a sandbox that it starts', { skip: skipSlow }, async (t) => {
  const { cwd, output, errors } = await pull(t, {})
  t.equal(errors, '')
  t.ok(output.endsWith(`Wrote ${file}\n`), output)
  t.equal(readFileSync(join(cwd, file), 'utf8'), readFileSync(file, 'utf8'))
})

t.test('schema:pull reads the Hasura that HASURA_GRAPHQL_ENDPOINT names', async (t) => {
  const { hasuraUrl } = await sandbox(t)
  const env = { HASURA_GRAPHQL_ENDPOINT: `${hasuraUrl}/`, HASURA_GRAPHQL_ADMIN_SECRET: settings.HASURA_GRAPHQL_ADMIN_SECRET }
  const { cwd, output } = await pull(t, env)
  t.equal(output, `Wrote ${file}\n`)
  t.equal(readFileSync(join(cwd, file), 'utf8'), readFileSync(file, 'utf8'))

  const refused = await pull(t, { HASURA_GRAPHQL_ENDPOINT: hasuraUrl, HASURA_GRAPHQL_ADMIN_SECRET: 'wrong' })
  t.equal(refused.status, 1)
  t.match(refused.errors, `${hasuraUrl} refused the introspection: invalid "x-hasura-admin-secret"/"x-hasura-access-key"`)
})
