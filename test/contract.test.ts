import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run, scratch } from './support/scratch.ts'
import { skipSlow } from './support/slow.ts'

const changes: Array<{ title: string, from: string, to: string, error: RegExp }> = [
  {
    title: 'a removed argument',
    from: 'Login(email: String!, password: String!)',
    to: 'Login(email: String!)',
    error: /^src\/actions\/login\.ts.*'password' does not exist/m
  },
  {
    title: 'a renamed argument',
    from: 'Signup(email:',
    to: 'Signup(mail:',
    error: /^src\/actions\/signup\.ts.*'email' does not exist/m
  },
  {
    title: 'a new field of an answer',
    from: 'type JsonWebToken {\n  token: String!',
    to: 'type JsonWebToken {\n  token: String!\n  expires: Int!',
    error: /^src\/actions\/login\.ts.*'expires' is missing/m
  }
]

t.test('a change of actions.graphql is a compile error until the code follows', { skip: skipSlow }, async (t) => {
  const cwd = scratch(t)
  const file = join(cwd, 'hasura/metadata/actions.graphql')
  const sdl = changes.reduce((text, { title, from, to }) => {
    t.ok(text.includes(from), title)
    return text.replace(from, to)
  }, readFileSync(file, 'utf8'))
  writeFileSync(file, sdl)
  const errors = await run(cwd, 'npx graphql-codegen >/dev/null\nnpx tsc -p tsconfig.build.json --noEmit || true')
  for (const { title, error } of changes) t.match(errors, error, title)
})
