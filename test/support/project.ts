import { appendFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { hasura, temporaryFolder } from './folders.ts'

export interface ProjectChanges {
  /** A migration after the project's own. */
  migration?: string
  /** The metadata of more tables, by name. */
  tables?: Record<string, string>
  /** `actions.graphql` and `actions.yaml`, in place of the project's own. */
  actions?: { graphql: string, yaml: string }
}

/** A copy of the Hasura project with changes. */
export function projectWith (t: Test, { migration, tables = {}, actions }: ProjectChanges): string {
  const project = temporaryFolder(t)
  cpSync(hasura, project, { recursive: true })
  const metadata = join(project, 'metadata')
  if (migration !== undefined) {
    const folder = join(project, 'migrations/default/1900000000000_test')
    mkdirSync(folder)
    writeFileSync(join(folder, 'up.sql'), migration)
  }
  const folder = join(metadata, 'databases/default/tables')
  for (const [name, yaml] of Object.entries(tables)) {
    writeFileSync(join(folder, `public_${name}.yaml`), yaml)
    appendFileSync(join(folder, 'tables.yaml'), `- "!include public_${name}.yaml"\n`)
  }
  if (actions !== undefined) {
    writeFileSync(join(metadata, 'actions.graphql'), actions.graphql)
    writeFileSync(join(metadata, 'actions.yaml'), actions.yaml)
  }
  return project
}
