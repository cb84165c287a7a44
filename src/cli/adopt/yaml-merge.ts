import { isAlias, isCollection, isMap, isScalar, isSeq, YAMLMap, YAMLSeq } from 'yaml'
import type { Node, ToStringOptions } from 'yaml'
import { parseYaml } from '../../sandbox/metadata/project-files.ts'

/** Whether an item may be added to a list that the target has. `id` is its name, its role, or the item itself. */
export type IsAddable = (path: string[], id: string) => boolean

/** Entries that Hasura's export leaves out. */
const defaults: Record<string, unknown> = { kind: 'synchronous', forward_client_headers: 'false', timeout: '30' }

function isDefault (key: string, value: unknown): boolean {
  return defaults[key] === value || (Array.isArray(value) && value.length === 0)
}

/** Entries that identify an action of this service, and the options with which it was added. */
const fixed = ['handler', 'value_from_env']

function isEmpty (node: Node | null): boolean {
  if (isCollection(node)) return node.items.length === 0
  return node === null || (isScalar(node) && ['', 'null', '~'].includes(String(node.value)))
}

/** An empty collection of the kind of the source, with the comments of what it replaces. */
function emptyLike (source: Node, replaced: Node | null): Node {
  const collection = isMap(source) ? new YAMLMap() : new YAMLSeq()
  const comments = [replaced?.commentBefore, replaced?.comment].filter(Boolean)
  if (comments.length > 0) collection.commentBefore = comments.join('\n')
  return collection
}

function idOf (item: unknown): string {
  const { name, role } = Object(item) as { name?: unknown, role?: unknown }
  return String(name ?? role ?? item)
}

/** The parts of a text's style that the library `yaml` does not keep by itself. */
function styleOf (text: string): ToStringOptions {
  const [, spaces = '  '] = /^( +)[^ #]/m.exec(text) ?? []
  return {
    lineWidth: 0,
    indent: spaces.length,
    indentSeq: !/^( *)[^ #][^\n]*:\n\1- /m.test(text),
    flowCollectionPadding: /[[{] /.test(text)
  }
}

/**
 * Adds the missing entries of a source to a YAML text. Existing values, comments and their order stay.
 *
 * @param isAddable - whether an item may be added to a list
 * @throws Error that names the file and the place if the text is not valid YAML, or does not allow the addition
 */
export function mergeYaml (text: string, source: string, file: string, isAddable: IsAddable): string {
  if (text.trim() === '') return source
  // All scalars are strings, so that they stay as they are written.
  const options = { schema: 'failsafe' }
  const [target, from] = [parseYaml(text, file, options), parseYaml(source, 'hasura/', options)]
  let added = 0

  /** Returns the node itself, or what replaces it. */
  const merge = (node: Node | null, from: Node, path: string[]): Node | null => {
    const before = added
    const place = `${file}: ${path.join('.')}`
    if (isScalar(from) && fixed.includes(String(path.at(-1))) && String(node) !== String(from)) {
      throw new Error(`${place} is ${node === null ? 'missing' : String(node)}, but ${String(from)} in this service: `
        + 'rename yours, or use the same options as before')
    }
    const own = isEmpty(node) ? emptyLike(from, node) : isAlias(node) ? node.resolve(target) as Node : node
    if (isMap<Node, Node>(from) && isMap<Node, Node>(own)) {
      for (const pair of from.items) {
        const [name, value] = [String(pair.key), pair.value as Node]
        const same = own.items.find(({ key }) => String(key) === name)
        if (same !== undefined) same.value = merge(same.value, value, [...path, name])
        // A merge key (`<<`) may also provide it.
        else if (!isDefault(name, value.toJSON()) && !Object.hasOwn(own.toJS(target) as object, name)) {
          if (fixed.includes(name)) merge(null, value, [...path, name])
          own.items.push(pair)
          added++
        }
      }
    } else if (isSeq<Node>(from) && isSeq<Node>(own)) {
      for (const item of from.items) {
        const id = idOf(item.toJSON())
        const same = own.items.find(other => idOf(other.toJS(target)) === id)
        if (same !== undefined) merge(same, item, [...path, id])
        else if (isAddable(path, id)) {
          own.items.push(item)
          added++
        }
      }
    } else if (path.length === 0) throw new Error(`${file} must be a ${isMap(from) ? 'map' : 'list'}`)
    if (added === before) return node
    if (isAlias(node) || (isCollection(node) && node.anchor !== undefined)) {
      throw new Error(`${place} is shared by an anchor: replace its aliases with copies, and run this again`)
    }
    return own
  }
  target.contents = merge(target.contents, from.contents as Node, [])
  return added === 0 ? text : target.toString(styleOf(text))
}
