import t from 'tap'
import { run } from './support/scratch.ts'

// These are tests so that they run beside the others: without its cache, ESLint takes longer than any test.
for (const script of ['lint', 'codegen -- --check']) {
  t.test(`npm run ${script} finds no problem`, async (t) => {
    const problems = await run('.', `npm run --silent ${script}`).then(() => '', (error: unknown) => (error as Error).message)
    t.equal(problems, '')
  })
}
