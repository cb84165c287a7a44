import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { start } from './support/process.ts'
import { temporaryFolder } from './support/folders.ts'

const module = JSON.stringify(pathToFileURL(resolve('src/environment.ts')))
const args = ['--input-type=module', '-e', `import ${module}; console.log(JSON.stringify(process.env))`]

/** What the environment is after the module that is imported first. */
async function environmentOf (t: Test, env: Record<string, string>, file = ''): Promise<Record<string, string>> {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, '.env'), file)
  const { child } = start(t, env, cwd, args)
  return JSON.parse(await text(child.stdout)) as Record<string, string>
}

t.test('an empty variable is an unset one, which the .env file fills, and any other wins over it', async (t) => {
  const { HOST, PORT, LOG_LEVEL } = await environmentOf(t, { HOST: '', PORT: '1', LOG_LEVEL: '' }, 'HOST=::1\nPORT=2\n')
  t.strictSame([HOST, PORT, LOG_LEVEL], ['::1', '1', undefined])
})

t.test('a .env that cannot be read stops the start', async (t) => {
  const cwd = temporaryFolder(t)
  mkdirSync(join(cwd, '.env'))
  const { child, stderr } = start(t, {}, cwd, args)
  child.stdout.resume()
  t.strictSame(await once(child, 'exit'), [1, null])
  t.match(await stderr, /E[A-Z]+/)
})
