import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lockFolder } from '../../../src/sandbox/database/lock.ts'
import { temporaryFolder } from '../../support/folders.ts'

const inUse = (pid: number | undefined): { message: RegExp } => ({
  message: new RegExp(` is in use by process ${String(pid)}: .* delete .*/lock\\.${String(pid)}\\)$`)
})

t.test('a lock is refused while its owner runs, and free after its release', async (t) => {
  const folder = temporaryFolder(t)
  const release = lockFolder(folder)
  t.throws(() => lockFolder(folder), inUse(process.pid))
  t.strictSame(readdirSync(folder), [`lock.${process.pid}`])
  release()
  t.strictSame(readdirSync(folder), [])
  lockFolder(folder)()

  const other = spawn('sleep', ['60'])
  t.teardown(() => other.kill('SIGKILL'))
  writeFileSync(join(folder, `lock.${String(other.pid)}`), '')
  t.throws(() => lockFolder(folder), inUse(other.pid))
  t.strictSame(readdirSync(folder), [`lock.${String(other.pid)}`])
})

t.test('the locks of processes that have ended are removed', async (t) => {
  const folder = temporaryFolder(t)
  for (let i = 0; i < 2; i++) writeFileSync(join(folder, `lock.${spawnSync('true').pid}`), '')
  const release = lockFolder(folder)
  t.strictSame(readdirSync(folder), [`lock.${process.pid}`])
  release()
  t.strictSame(readdirSync(folder), [])
})

t.test('a lock of an earlier process with the same id is taken over', async (t) => {
  const folder = temporaryFolder(t)
  const lock = join(folder, `lock.${process.pid}`)
  writeFileSync(lock, '')
  utimesSync(lock, 1_000_000_000, 1_000_000_000)
  const release = lockFolder(folder)
  t.throws(() => lockFolder(folder), inUse(process.pid))
  release()
  t.strictSame(readdirSync(folder), [])
})
