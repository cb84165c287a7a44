import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run, scratch } from '../support/scratch.ts'

t.test('schema:pull works while an action imports an operation that is not generated yet', { timeout: 180_000 }, async (t) => {
  const cwd = scratch(t)
  appendFileSync(join(cwd, 'src/actions/login.ts'), 'export { MissingDocument } from \'../generated/operations.ts\'\n')
  const schema = join(cwd, 'graphql/schema.graphql')
  rmSync(schema)
  await run(cwd, 'npm run schema:pull')
  t.equal(readFileSync(schema, 'utf8'), readFileSync('graphql/schema.graphql', 'utf8'))
})
