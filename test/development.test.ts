import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { scratch } from './support/scratch.ts'
import { settings } from './support/service.ts'
import { skipSlow } from './support/slow.ts'

t.test('npm run dev restarts the service with each change of a source', { skip: skipSlow }, async (t) => {
  const cwd = scratch(t)
  const child = spawn('npm', ['run', 'dev'], {
    cwd, detached: true, env: { PATH: process.env['PATH'], ...settings, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit']
  })
  // npm passes no signal on to what its scripts start.
  t.teardown(async () => {
    const closed = once(child, 'close')
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    await closed
  })
  const health = join(cwd, 'src/http/health.ts')
  const source = readFileSync(health, 'utf8')
  t.ok(source.includes('{ status: \'ok\' }'))
  let isChanged = false
  for await (const line of createInterface(child.stdout)) {
    const [url] = /http:[^"]+/.exec(line) ?? []
    // The service restarts while this asks an earlier one.
    const status = url === undefined ? undefined : await fetch(`${url}/healthz`).then(async answer => answer.text(), () => undefined)
    if (status === '{"status":"changed"}') break
    if (status === undefined || isChanged) continue
    t.equal(status, '{"status":"ok"}')
    writeFileSync(health, source.replace('{ status: \'ok\' }', '{ status: \'changed\' }'))
    isChanged = true
  }
  t.ok(isChanged)
})
