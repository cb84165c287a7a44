import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { readText } from '../../sandbox/metadata/project-files.ts'
import { findProblems, findTable } from './collisions.ts'
import type { Project } from './project.ts'
import { mergeSdl } from './sdl-merge.ts'
import type { Names, ServiceFiles } from './source.ts'
import { mergeYaml } from './yaml-merge.ts'

/** A file to write, by its path. `before` is empty if it is new. */
export interface Change { file: string, before: string, after: string }

/** The list of the tables that the project does not track yet, in the form that the project's list has. */
function listOf (missing: ServiceFiles['tables'], { tablesFolder, tablesFile, isListInline }: Project, database: string): string {
  const includes = missing.map(({ file }) => `- "!include ${relative(join(tablesFile, '..'), join(tablesFolder, file))}"\n`)
  if (!isListInline) return includes.join('')
  return `- name: ${database}\n  tables:\n${includes.map(line => `    ${line}`).join('')}`
}

/**
 * Finds the changes that add the service to a project, or update the service in it.
 *
 * An existing permission is never widened: a role gets a permission if the metadata does not name the role yet, and a
 * column if its migration is new. `kept` has one line for each permission and column that is not added.
 *
 * @param given - the options that were given
 * @throws Error with one line for each reason against it
 */
export function planAdoption (
  project: Project, source: ServiceFiles, names: Names, given: string[]
): { changes: Change[], kept: string[] } {
  const { metadata, migrations, tablesFile, tablesFolder } = project
  const yamls = readdirSync(metadata, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.yaml'))
  const yaml = yamls.map(name => readText(join(metadata, name))).join('\n')
  const adoptedSql = Array.from(source.migrations.keys(), file => readText(join(migrations, file))).join('\n')
  const problems = findProblems(project, source, names, given, yaml, adoptedSql)
  const changes: Change[] = []
  const kept = new Set<string>()
  const change = (file: string, edit: (text: string) => string): void => {
    const before = readText(file)
    try {
      const after = edit(before)
      if (before !== after) changes.push({ file, before, after })
    } catch (error) {
      problems.push((error as Error).message)
    }
  }
  const merge = (file: string, from: string): void => {
    change(file, text => mergeYaml(text, from, file, (path, id) => {
      const list = path.at(-1) ?? ''
      const isNew = list === 'columns'
        ? !new RegExp(`\\b${id}\\b`).test(adoptedSql)
        : !/(?:^|_)permissions$/.test(list) || !new RegExp(`\\brole["']?: *["']?${id}["']?(?![\\w-])`).test(yaml)
      if (!isNew) kept.add(`${relative(metadata, file)}: ${path.join('.')} stays without ${id}`)
      return isNew
    }))
  }
  for (const [name, sql] of source.migrations) change(join(migrations, name), () => sql)
  const missing = source.tables.filter(({ name }) => findTable(project, names, name) === undefined)
  for (const { name, file, text } of source.tables) {
    const own = findTable(project, names, name)?.file
    // A table in the list itself is one of the problems.
    if (own !== tablesFile) merge(own ?? join(tablesFolder, file), text)
  }
  if (missing.length > 0) merge(tablesFile, listOf(missing, project, names.database))
  merge(join(metadata, 'actions.yaml'), source.actions)
  const sdlFile = join(metadata, 'actions.graphql')
  change(sdlFile, text => mergeSdl(text, source.sdl, sdlFile))
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return { changes, kept: [...kept] }
}
