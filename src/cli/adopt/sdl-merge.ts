import { print } from 'graphql'
import type { ASTNode, FieldDefinitionNode, Location, NameNode, ObjectTypeDefinitionNode, TypeNode } from 'graphql'
import { parseSdl } from '../../sandbox/metadata/project-files.ts'

/** An argument of an action, or a field of a type. */
type Member = ASTNode & { name: NameNode, type: TypeNode }

/** `output` is the name of the type that the action returns. */
interface Action { root: string, node: FieldDefinitionNode, members: readonly Member[], output: string }

interface Type { node: ASTNode, members: readonly Member[] }

interface Declarations { actions: Map<string, Action>, types: Map<string, Type> }

interface Insertion { at: number, text: string }

/**
 * Reads the actions and the types that `actions.graphql` declares, by name.
 *
 * @throws Error that names the file if it is not valid
 */
export function readDeclarations (sdl: string, file: string): Declarations {
  const [actions, types] = [new Map<string, Action>(), new Map<string, Type>()]
  for (const node of parseSdl(sdl, file)) {
    if (!('name' in node)) continue
    // For a type of another kind, only the name matters.
    const { name: { value: name }, fields = [] } = node as ObjectTypeDefinitionNode
    if (name !== 'Mutation' && name !== 'Query') types.set(name, { node, members: fields })
    else for (const field of fields) {
      const output = print(field.type).replaceAll(/[[\]!]/g, '')
      actions.set(field.name.value, { root: name, node: field, members: field.arguments as readonly Member[], output })
    }
  }
  return { actions, types }
}

function rangeOf ({ loc }: ASTNode): { start: number, end: number } {
  return loc as Location
}

function textOf (sdl: string, node: ASTNode): string {
  const { start, end } = rangeOf(node)
  return sdl.slice(start, end)
}

/** @throws Error that names what differs */
function refuseDifference (place: string, own: string, ours: string): void {
  if (own !== ours) throw new Error(`${place} is ${own}, but ${ours} in this service: rename yours`)
}

/** The text of the members that are not in the project. */
function missingOf (own: Pick<Type, 'members'>, ours: Pick<Type, 'members'>, place: string, source: string): string[] {
  const types = new Map(own.members.map(({ name, type }) => [name.value, print(type)]))
  const missing = ours.members.filter(({ name, type }) => {
    const same = types.get(name.value)
    if (same !== undefined) refuseDifference(`${place}.${name.value}`, same, print(type))
    return same === undefined
  })
  return missing.map(node => textOf(source, node))
}

function describe ({ root, node }: Action): string {
  return `a ${root} that returns ${print(node.type)}`
}

/**
 * Adds the missing declarations of the source to an `actions.graphql`, and new arguments and fields.
 *
 * @throws Error that names a declaration that differs from the source in another way
 */
export function mergeSdl (sdl: string, source: string, file: string): string {
  const own = readDeclarations(sdl, file)
  const ours = readDeclarations(source, 'hasura/metadata/actions.graphql')
  const insertions: Insertion[] = []
  let added = ''
  for (const [name, action] of ours.actions) {
    const same = own.actions.get(name)
    if (same === undefined) {
      added += `\ntype ${action.root} {\n  ${textOf(source, action.node)}\n}\n`
      continue
    }
    refuseDifference(`${file}: ${name}`, describe(same), describe(action))
    const missing = missingOf(same, action, `${file}: ${name}`, source).join(', ')
    const last = same.members.at(-1)
    const { end } = rangeOf(last ?? same.node.name)
    if (missing !== '') insertions.push({ at: end, text: last === undefined ? `(${missing})` : `, ${missing}` })
  }
  for (const [name, type] of ours.types) {
    const same = own.types.get(name)
    if (same === undefined) {
      added += `\n${textOf(source, type.node)}\n`
      continue
    }
    if (![...ours.actions].some(([action, { output }]) => output === name && own.actions.has(action))) {
      throw new Error(`${file}: the type ${name} does not belong to this service: rename it`)
    }
    const missing = missingOf(same, type, `${file}: ${name}`, source)
    insertions.push({ at: rangeOf(same.node).end - 1, text: missing.map(field => `  ${field}\n`).join('') })
  }
  // From the end, so that the positions of the others stay valid.
  const text = insertions.toSorted((a, b) => b.at - a.at)
    .reduce((merged, { at, text }) => `${merged.slice(0, at)}${text}${merged.slice(at)}`, sdl)
  return added === '' ? text : `${text.trimEnd()}\n${added}`.trimStart()
}
