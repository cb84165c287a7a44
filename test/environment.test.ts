import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import { environment, start } from './process.ts'
import { temporaryFolder } from './sandbox.ts'

const script = `require(${JSON.stringify(environment)}); console.log(JSON.stringify(process.env))`

/** What the environment is after the file that Node.js runs first. */
async function environmentOf (t: Test, env: Record<string, string>, file = ''): Promise<Record<string, string>> {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, '.env'), file)
  const { child } = start(t, env, cwd, ['-e', script])
  return JSON.parse(await text(child.stdout)) as Record<string, string>
}

t.test('libuv gets a thread for each hash at once and four beside them, or as many as it is told', async (t) => {
  const standard = String(availableParallelism() + 4)
  const table: Array<[Record<string, string>, string, string]> = [
    [{}, '', standard],
    [{ PASSWORD_CONCURRENCY: '9' }, '', '13'],
    [{}, 'PASSWORD_CONCURRENCY=9', '13'],
    [{ PASSWORD_CONCURRENCY: '1020' }, '', '1024'],
    // The configuration refuses it, with a line of its own.
    [{ PASSWORD_CONCURRENCY: 'many' }, '', standard],
    [{ PASSWORD_CONCURRENCY: '5000' }, '', '1024'],
    [{ UV_THREADPOOL_SIZE: '7', PASSWORD_CONCURRENCY: '9' }, '', '7'],
    [{ UV_THREADPOOL_SIZE: '1e2' }, '', '100'],
    [{ UV_THREADPOOL_SIZE: '' }, 'UV_THREADPOOL_SIZE=', standard]
  ]
  await Promise.all(table.map(async ([env, file, threads]) => {
    const { UV_THREADPOOL_SIZE: size } = await environmentOf(t, env, file)
    t.equal(size, threads, `${JSON.stringify(env)} ${file}`)
  }))
})

t.test('an empty variable is an unset one, which the .env file fills, and any other wins over it', async (t) => {
  const { HOST, PORT, LOG_LEVEL } = await environmentOf(t, { HOST: '', PORT: '1', LOG_LEVEL: '' }, 'HOST=::1\nPORT=2\n')
  t.strictSame([HOST, PORT, LOG_LEVEL], ['::1', '1', undefined])
})

t.test('a .env that cannot be read stops the start', async (t) => {
  const cwd = temporaryFolder(t)
  mkdirSync(join(cwd, '.env'))
  const { child, stderr } = start(t, {}, cwd, ['-e', script])
  child.stdout.resume()
  t.strictSame(await once(child, 'exit'), [1, null])
  t.match(await stderr, /E[A-Z]+/)
})
