import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** Returns the folders of a project of Hasura's CLI, which its `config.yaml` may rename. */
export function projectFolders (project: string): { metadata: string, migrations: string, seeds: string } {
  const file = join(project, 'config.yaml')
  const config = Object(existsSync(file) ? parse(readFileSync(file, 'utf8')) : {}) as Record<string, string | undefined>
  const folderOf = (kind: string): string => join(project, config[`${kind}_directory`] ?? kind)
  return { metadata: folderOf('metadata'), migrations: folderOf('migrations'), seeds: folderOf('seeds') }
}
