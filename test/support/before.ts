import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

// Making a database takes seconds and much memory: it is made once, and every test copies it. In a process that tap
// does not see, since tap would else count it in the coverage.
const prepare = fileURLToPath(new URL('prepare.ts', import.meta.url))
const path = `PATH=${process.env['PATH'] ?? ''}`
const { status } = spawnSync('env', ['-i', path, process.execPath, '--import', 'tsx', prepare], { stdio: 'inherit' })
process.exitCode = status ?? 1
