import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LockedError, takeLock } from '../../../src/sandbox/database/lock.ts'
import { temporaryFolder } from '../../support/folders.ts'

t.test('a lock is refused while its owner runs, and free after its release', async (t) => {
  const folder = temporaryFolder(t)
  const lock = join(folder, 'lock')
  const release = takeLock(lock)
  t.equal(readFileSync(lock, 'utf8'), String(process.pid))
  t.throws(() => takeLock(lock), new LockedError(`in use by process ${process.pid}`))
  t.strictSame(readdirSync(folder), ['lock'])
  release()
  t.strictSame(readdirSync(folder), [])
  takeLock(lock)()

  const other = spawn('sleep', ['60'])
  t.teardown(() => other.kill('SIGKILL'))
  writeFileSync(lock, String(other.pid))
  t.throws(() => takeLock(lock), new LockedError(`in use by process ${String(other.pid)}`))
  t.equal(readFileSync(lock, 'utf8'), String(other.pid))
})

t.test('the lock of a process that has ended is taken over', async (t) => {
  const ended = spawn(process.execPath, ['--version'])
  await once(ended, 'exit')
  const folder = temporaryFolder(t)
  const lock = join(folder, 'lock')
  writeFileSync(lock, String(ended.pid))
  const release = takeLock(lock)
  t.equal(readFileSync(lock, 'utf8'), String(process.pid))
  release()
  t.strictSame(readdirSync(folder), [])
})

t.test('a lock with the id of this process from before a restart is taken over', async (t) => {
  const folder = temporaryFolder(t)
  const lock = join(folder, 'lock')
  writeFileSync(lock, String(process.pid))
  utimesSync(lock, 1_000_000_000, 1_000_000_000)
  takeLock(lock)()
  t.strictSame(readdirSync(folder), [])
})
