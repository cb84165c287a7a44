import { writeFileSync } from 'node:fs'
import { introspect } from './introspect.ts'
import { startSandbox } from './sandbox.ts'

async function pull (): Promise<string> {
  const { HASURA_GRAPHQL_ENDPOINT: endpoint, HASURA_GRAPHQL_ADMIN_SECRET: adminSecret = '' } = process.env
  if (endpoint) return introspect(endpoint, adminSecret)
  const sandbox = await startSandbox({
    env: { SANDBOX_DATA_DIR: 'memory://', SANDBOX_PORT: '0', PORT: '0' }, log: (line) => { console.log(line) }
  })
  try {
    return await introspect(sandbox.hasuraUrl, sandbox.settings.HASURA_GRAPHQL_ADMIN_SECRET)
  } finally {
    await sandbox.close()
  }
}

const file = 'graphql/schema.graphql'
writeFileSync(file, await pull())
console.log(`Wrote ${file}`)
