import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** The project's own metadata, migrations and seeds. */
export const hasura = fileURLToPath(new URL('../../hasura', import.meta.url))

/** A data folder with the migrations and seeds in it, there for as long as tap runs. */
export const preparedData = fileURLToPath(new URL('../../.tap/sandbox', import.meta.url))

/** The same before any migration, for a project with others. */
export const emptyData = fileURLToPath(new URL('../../.tap/empty', import.meta.url))

/** A new folder that is gone after the test. */
export function temporaryFolder (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'hasura-jwt-auth-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}

/** A data folder of the test's own. */
export function dataFolder (t: Test, prepared = preparedData): string {
  const folder = temporaryFolder(t)
  cpSync(prepared, folder, { recursive: true })
  return folder
}
