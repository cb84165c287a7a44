import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { run, scratch } from './support/scratch.ts'

/** Changes the contract in a copy of the project, and generates again; what the compiler says of it. */
async function regenerate (t: Test, change: (sdl: string) => string): Promise<string> {
  const cwd = scratch(t)
  const contract = join(cwd, 'hasura/metadata/actions.graphql')
  writeFileSync(contract, change(readFileSync(contract, 'utf8')))
  return run(cwd, 'npx graphql-codegen >/dev/null\nnpx tsc -p tsconfig.build.json --noEmit || true')
}

const changes: Array<[string, string, string, RegExp]> = [
  ['an argument that is taken away', 'Login(email: String!, password: String!)', 'Login(email: String!)',
    /^src\/actions\/login\.ts.*'password' does not exist/m],
  ['an argument that is renamed', 'Signup(email:', 'Signup(mail:', /^src\/actions\/signup\.ts.*'email' does not exist/m],
  ['a field of the answer that is added', 'token: String!', 'token: String!\n  expires: Int!',
    /^src\/actions\/login\.ts.*'expires' is missing/m]
]

t.test('a change of the contract is a compile error until the code follows', async (t) => {
  const errors = await regenerate(t, sdl => changes.reduce((sdl, [title, from, to]) => {
    t.ok(sdl.includes(from), title)
    return sdl.replace(from, to)
  }, sdl))
  for (const [title, , , error] of changes) t.match(errors, error, title)
})
