import { writeFileSync } from 'node:fs'
import { introspect } from './introspect.ts'
import { settingsOf } from '../../sandbox/settings.ts'
import { startHasura } from '../../sandbox/start-hasura.ts'

async function pull (): Promise<string> {
  const { HASURA_GRAPHQL_ENDPOINT: endpoint, HASURA_GRAPHQL_ADMIN_SECRET: adminSecret = '' } = process.env
  if (endpoint) return introspect(endpoint, adminSecret)
  const settings = settingsOf({ SANDBOX_DATA_DIR: 'memory://', SANDBOX_PORT: '0' })
  const { hasuraUrl, close } = await startHasura({ settings, hasura: 'hasura', log: (line) => { console.log(line) } })
  try {
    return await introspect(hasuraUrl, settings.HASURA_GRAPHQL_ADMIN_SECRET)
  } finally {
    await close()
  }
}

const file = 'graphql/schema.graphql'
writeFileSync(file, await pull())
console.log(`Wrote ${file}`)
