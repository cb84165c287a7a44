/** The sandbox as a process: Hasura's API on the PostgreSQL database that `SANDBOX_DATABASE_URL` names. */
import { startSandbox } from '../src/sandbox/sandbox.ts'

process.chdir(String(process.env['PROJECT']))
const { hasuraUrl } = await startSandbox({
  env: { ...process.env, SANDBOX_PORT: '0', PORT: '0', LOG_LEVEL: 'silent', ARGON2_MEMORY_KIB: '8', ARGON2_PASSES: '1' },
  log: (line) => { console.log(line) },
  hasura: 'hasura'
})
console.log(`listening at ${hasuraUrl}`)
