import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'

const run = promisify(execFile)

/** Copies what the generator and the compiler read, changes the contract, and generates again. */
async function regenerate (t: Test, change: (sdl: string) => string): Promise<string> {
  const cwd = mkdtempSync(join(tmpdir(), 'hasura-jwt-auth-'))
  t.teardown(() => { rmSync(cwd, { recursive: true, force: true }) })
  for (const path of ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'codegen.yml', 'graphql', 'hasura', 'src']) {
    cpSync(path, join(cwd, path), { recursive: true })
  }
  symlinkSync(resolve('node_modules'), join(cwd, 'node_modules'))
  const contract = join(cwd, 'hasura/metadata/actions.graphql')
  const sdl = readFileSync(contract, 'utf8')
  writeFileSync(contract, change(sdl))
  await run(resolve('node_modules/.bin/graphql-codegen'), { cwd })
  const { stdout } = await run(resolve('node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--noEmit'], { cwd })
    .catch((error: unknown) => error as { stdout: string })
  return stdout
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
