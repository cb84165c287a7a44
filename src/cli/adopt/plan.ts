import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { findProblems, isAdopted } from './collisions.ts'
import type { Texts } from './collisions.ts'
import type { Project } from './project.ts'
import { mergeSdl } from './sdl-merge.ts'
import type { Names, ServiceFiles } from './source.ts'
import { mergeYaml } from './yaml-merge.ts'

/** A file to write, by its path. `before` is empty if it is new. */
export interface Change { file: string, before: string, after: string }

function readIfThere (file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function readTexts ({ metadata, migrations }: Project, source: ServiceFiles): Texts {
  const names = readdirSync(metadata, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.yaml'))
  return {
    actions: readIfThere(join(metadata, 'actions.yaml')),
    sdl: readIfThere(join(metadata, 'actions.graphql')),
    yaml: names.map(name => readFileSync(join(metadata, name), 'utf8')).join('\n'),
    adoptedSql: Array.from(source.migrations.keys(), file => readIfThere(join(migrations, file))).join('\n')
  }
}

/** The list of the tables that the project does not track yet, in the form of the file that holds the list. */
function listOf (missing: ServiceFiles['tables'], { tablesFolder, tablesFile, isListInline }: Project, database: string): string {
  const includes = missing.map(({ file }) => `- "!include ${relative(join(tablesFile, '..'), join(tablesFolder, file))}"\n`)
  if (!isListInline) return includes.join('')
  return `- name: ${database}\n  tables:\n${includes.map(line => `    ${line}`).join('')}`
}

/**
 * Finds the changes that add the service to a project, and to an adopted one what is new since.
 *
 * An existing permission is never widened: a role gets a permission if the metadata does not name the role yet, and a
 * column if its migration is new. What stays out is in `kept`, one line each.
 *
 * @param isGiven - whether a name was chosen by an option
 * @throws Error with one line for each reason against it
 */
export function planAdoption (
  project: Project, source: ServiceFiles, names: Names,
  { database, isGiven }: { database: string, isGiven: (option: keyof Names) => boolean }
): { changes: Change[], kept: string[] } {
  const texts = readTexts(project, source)
  const problems = findProblems(project, source, texts, names, isGiven)
  if (problems.length > 0) throw new Error(problems.join('\n'))

  const changes: Change[] = []
  const kept = new Set<string>()
  const add = (file: string, before: string, after: string): void => {
    if (before !== after) changes.push({ file, before, after })
  }
  const merge = (file: string, before: string, from: string): void => {
    add(file, before, mergeYaml(before, from, file, (path, id) => {
      const list = path.at(-1) ?? ''
      const isNew = list === 'columns'
        ? !new RegExp(`\\b${id}\\b`).test(texts.adoptedSql)
        : !/(?:^|_)permissions$/.test(list) || !new RegExp(`\\brole: *["']?${id}["']?(?![\\w-])`).test(texts.yaml)
      if (!isNew) kept.add(`${relative(project.metadata, file)}: ${path.join('.')} stays without ${id}`)
      return isNew
    }))
  }
  for (const [name, sql] of source.migrations) {
    const file = join(project.migrations, name)
    add(file, readIfThere(file), sql)
  }
  const missing = source.tables.filter(({ name }) => !isAdopted({ schema: names.schema, name }, texts.adoptedSql))
  for (const table of source.tables) {
    const own = project.tables.find(({ schema, name }) => schema === names.schema && name === table.name)
    const file = own?.file ?? join(project.tablesFolder, table.file)
    if (missing.includes(table)) add(file, '', table.text)
    else merge(file, readIfThere(file), table.text)
  }
  if (missing.length > 0) merge(project.tablesFile, readIfThere(project.tablesFile), listOf(missing, project, database))
  merge(join(project.metadata, 'actions.yaml'), texts.actions, source.actions)
  const sdlFile = join(project.metadata, 'actions.graphql')
  add(sdlFile, texts.sdl, mergeSdl(texts.sdl, source.sdl, sdlFile))
  return { changes, kept: [...kept] }
}
