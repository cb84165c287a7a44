import { isCollection, isMap, isSeq, parseDocument } from 'yaml'
import type { Document, Node, Range } from 'yaml'

/** A part of the source that the target lacks: an item of a sequence or an entry of a map, without indentation. */
interface Missing { into: Node, isItem: boolean, text: string, json: string }

/** Whether an item may be added to a sequence that the target has. `id` is its name, its role, or the item itself. */
export type IsAddable = (path: string[], id: string) => boolean

/** @throws Error that names the file and the line */
function parse (text: string, file: string): Document {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error === undefined) return document
  throw new Error(`${file} is not valid YAML: ${error.message.replace(/:?\n[^]*/, '')}`)
}

/** @throws Error that names the file and the line */
export function readYaml (text: string, file: string): unknown {
  return parse(text, file).toJS() as unknown
}

function rangeOf (node: Node): [start: number, end: number] {
  const [start, end] = node.range as Range
  return [start, end]
}

function columnOf (text: string, offset: number): number {
  return offset - text.lastIndexOf('\n', offset - 1) - 1
}

function sliceOf (text: string, first: Node, last: Node): string {
  const [[start], [, end]] = [rangeOf(first), rangeOf(last)]
  return text.slice(start, end).trimEnd().replaceAll(new RegExp(`^ {${columnOf(text, start)}}`, 'gm'), '')
}

function indent (text: string, columns: number): string {
  return text.replaceAll(/^(?!$)/gm, ' '.repeat(columns))
}

/** Entries that Hasura's export leaves out. */
const defaults: Record<string, unknown> = { kind: 'synchronous', forward_client_headers: false, timeout: 30 }

function isDefault (key: string, value: unknown): boolean {
  return defaults[key] === value || (Array.isArray(value) && value.length === 0)
}

function idOf (item: Node): string {
  const value: unknown = item.toJSON()
  const { name, role } = Object(value) as { name?: unknown, role?: unknown }
  return String(name ?? role ?? value)
}

/** Finds what the target lacks, in the order of the source. */
function findMissing (
  target: Node, source: Node, sourceText: string, isAddable: IsAddable, path: string[] = []
): Missing[] {
  const isEmpty = (isCollection(target) && target.items.length === 0) || target.toJSON() === null
  if (isMap(source) && (isMap(target) || isEmpty)) {
    return (source.items as Array<{ key: Node, value: Node }>).flatMap(({ key, value }) => {
      const name = String(key)
      const own = isMap(target) ? target.get(name, true) as Node | undefined : undefined
      if (own !== undefined) return findMissing(own, value, sourceText, isAddable, [...path, name])
      if (isDefault(name, value.toJSON())) return []
      const json = `${name}: ${JSON.stringify(value)}`
      return [{ into: target, isItem: false, text: sliceOf(sourceText, key, value), json }]
    })
  }
  if (!isSeq(source) || !(isSeq(target) || isEmpty)) return []
  const own = new Map((isSeq(target) ? target.items as Node[] : []).map(item => [idOf(item), item]))
  return (source.items as Node[]).flatMap((item) => {
    const id = idOf(item)
    const same = own.get(id)
    if (same !== undefined) return findMissing(same, item, sourceText, isAddable, [...path, id])
    if (!isAddable(path, id)) return []
    return [{ into: target, isItem: true, text: sliceOf(sourceText, item, item), json: JSON.stringify(item) }]
  })
}

/** Replaces an empty collection by one in the style of a block, below its key. */
function fill (text: string, [start, end]: [number, number], block: string): string {
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  const [comment = ''] = /^[ \t]*#.*/.exec(text.slice(end)) ?? []
  const rest = text.slice(end + comment.length) || '\n'
  if (line === '') return `${text.slice(0, start)}${comment === '' ? '' : `${comment.trimStart()}\n`}${block}${rest}`
  const head = `${text.slice(0, start).trimEnd()}${comment}`
  return `${head}\n${indent(block, line.search(/[^ -]/) + 2)}${rest}`
}

/** Inserts a part at the end of a collection, in its style. All other text stays as it is. */
function insert (text: string, { into, isItem, text: part, json }: Missing): string {
  const [start, end] = rangeOf(into)
  const block = isItem ? `- ${indent(part, 2).trimStart()}` : part
  const size = isCollection(into) ? into.items.length : 0
  if (size === 0 && /^[ \t]*(#.*)?(\n|$)/.test(text.slice(end))) return fill(text, [start, end], block)
  if (size === 0) return `${text.slice(0, start)}${isItem ? `[${json}]` : `{${json}}`}${text.slice(end)}`
  const head = text.slice(0, end)
  if (isCollection(into) && into.flow === true) return `${head.slice(0, -1).trimEnd()}, ${json}${text.slice(end - 1)}`
  return `${head}${head.endsWith('\n') ? '' : '\n'}${indent(block, columnOf(text, start))}\n${text.slice(end)}`
}

/**
 * Adds to a YAML text what a source has and it lacks. Nothing else changes: order, comments and style stay.
 *
 * @param isAddable - whether an item may be added to a sequence
 * @throws Error that names the file and the line if the text is not valid YAML
 */
export function mergeYaml (text: string, source: string, file: string, isAddable: IsAddable): string {
  const { contents: from } = parse(source, 'hasura/')
  const { contents: to } = parse(text, file)
  if (to === null || from === null) return `${text}${source}`
  const [missing] = findMissing(to, from, source, isAddable)
  return missing === undefined ? text : mergeYaml(insert(text, missing), source, file, isAddable)
}
