import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'graphql'
import type { DefinitionNode } from 'graphql'
import { parseDocument } from 'yaml'
import type { Document, Node, SchemaOptions } from 'yaml'

/** Reads a text file, without its byte order mark and with Unix line endings; empty if the file does not exist. */
export function readText (file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').replace(/^\uFEFF/, '').replaceAll('\r\n', '\n') : ''
}

/** @throws Error that names the file and the line */
export function parseYaml (text: string, file: string, options: SchemaOptions): Document {
  const document = parseDocument<Node>(text, { ...options, merge: true })
  const [error] = document.errors
  if (error === undefined) return document
  throw new Error(`${file} is not valid YAML: ${error.message.replace(/:?\n[^]*/, '')}`)
}

/** @throws Error that names the file and what is wrong */
export function parseSdl (text: string, file: string): readonly DefinitionNode[] {
  try {
    // The export of a project without actions is empty, which GraphQL does not allow.
    return parse(`${text}\nscalar NotEmpty`).definitions.slice(0, -1)
  } catch (error) {
    throw new Error(`${file} is not valid GraphQL: ${(error as Error).message}`)
  }
}

const includeTag = { tag: '!include', resolve: (path: string) => `!include ${path}` }

/** @throws Error that names the file if it does not exist, or is not valid YAML */
export function readYaml (file: string): unknown {
  if (!existsSync(file)) throw new Error(`${file} is missing: run hasura metadata export in the project first`)
  return parseYaml(readText(file), file, { customTags: [includeTag] }).toJS() as unknown
}

/**
 * Follows an inclusion. Hasura's CLI writes the metadata of each table into its own file, and includes it by the tag
 * `!include` or, in its export, by a string that starts with `!include`.
 *
 * @returns the value, and the file that has it
 */
export function include (value: unknown, file: string): [value: unknown, file: string] {
  const path = typeof value === 'string' ? /^!include "?([^"]+)"?$/.exec(value)?.[1] : undefined
  if (path === undefined) return [value, file]
  const target = join(dirname(file), path)
  return [readYaml(target), target]
}

/** Returns the folders of a project of Hasura's CLI, which its `config.yaml` may rename. */
export function projectFolders (project: string): { metadata: string, migrations: string, seeds: string } {
  const file = join(project, 'config.yaml')
  const config = Object(existsSync(file) ? readYaml(file) : {}) as Record<string, string | undefined>
  const folderOf = (kind: string): string => join(project, config[`${kind}_directory`] ?? kind)
  return { metadata: folderOf('metadata'), migrations: folderOf('migrations'), seeds: folderOf('seeds') }
}
