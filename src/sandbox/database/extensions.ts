import type { Extension, Extensions } from '@electric-sql/pglite'
import type { Migration } from './migrations.ts'

/**
 * Makes PGlite link each extension when PostgreSQL asks for it. By default PGlite links all of them side by side, and
 * one start in ten, pgcrypto then refuses every algorithm.
 */
const linkOnDemand: Extension = {
  name: 'link on demand',
  setup: async (_, options: object) => ({ emscriptenOpts: { ...options, noWasmDecoding: true } })
}

/** Loads the extensions that the migrations create: PGlite has PostgreSQL's own ones, each in a module. */
export async function loadExtensions (migrations: Migration[]): Promise<Extensions> {
  const creation = /create\s+extension\s+(?:if\s+not\s+exists\s+)?"?([\w-]+)/gi
  const names = migrations.flatMap(({ sql }) => [...sql.matchAll(creation)].map(([, name = '']) => name.toLowerCase()))
  const loaded: Extensions = { linkOnDemand }
  for (const name of new Set(names.map(name => name.replaceAll('-', '_')))) {
    try {
      Object.assign(loaded, await import(`@electric-sql/pglite/contrib/${name}`))
    } catch {
      // PGlite does not have this extension. PostgreSQL reports that when the migration creates it.
    }
  }
  return loaded
}

/** Says what to do about an extension that PGlite does not have; returns other errors unchanged. */
export function explainMissingExtension (error: unknown): unknown {
  if (!(error instanceof Error && error.cause instanceof Error)) return error
  if (!/^extension ".*" is not available$/.test(error.cause.message)) return error
  return new Error(`${error.message} in the embedded PostgreSQL: set SANDBOX_DATABASE_URL to a PostgreSQL that has it`)
}
