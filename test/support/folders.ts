import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'

/** The project's own metadata, migrations and seeds. */
export const hasura = resolve('hasura')

/** A new folder that is deleted after the test. */
export function temporaryFolder (t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'hasura-jwt-auth-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}

/** Everything that a prepared database depends on. */
const inputs = [
  'hasura/migrations', 'hasura/seeds', 'build/src/sandbox/database', 'build/test/support/prepare.js',
  'node_modules/@electric-sql/pglite/package.json'
]

function filesOf (path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).map(name => join(path, name))
    .filter(file => statSync(file).isFile()).sort()
}

/** Databases that tests copy, because making one takes seconds. They are made again when an input changes. */
function preparedDatabases (): string {
  const digest = createHash('sha256')
  for (const file of inputs.flatMap(filesOf)) digest.update(file).update(readFileSync(file))
  const folder = resolve('build/databases', digest.digest('hex').slice(0, 16))
  if (existsSync(folder)) return folder
  const args = [...process.execArgv, resolve('build/test/support/prepare.js'), folder]
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('the database for the tests cannot be prepared')
  return folder
}

/** A copy of a prepared database: with the project's migrations and seeds applied, or with no table at all. */
export function dataFolder (t: Test, kind: 'migrated' | 'empty' = 'migrated'): string {
  const folder = temporaryFolder(t)
  cpSync(join(preparedDatabases(), kind), folder, { recursive: true })
  return folder
}
