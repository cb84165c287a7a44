import { Kind, parse, print } from 'graphql'
import type { ASTNode, DefinitionNode, FieldDefinitionNode, Location, ObjectTypeDefinitionNode } from 'graphql'

/** `type` is the name of the type that the action returns. */
interface Action { root: string, field: FieldDefinitionNode, type: string }

interface Declarations { actions: Map<string, Action>, types: Map<string, ObjectTypeDefinitionNode> }

interface Edit { start: number, end: number, text: string }

function isRoot (name: string): boolean {
  return name === 'Mutation' || name === 'Query'
}

function definitionsOf (sdl: string, file: string): readonly DefinitionNode[] {
  // Hasura's export of a project without actions is empty, or has only comments.
  if (sdl.replaceAll(/#.*/g, '').trim() === '') return []
  try {
    return parse(sdl).definitions
  } catch (error) {
    throw new Error(`${file} is not valid GraphQL: ${(error as Error).message}`)
  }
}

/**
 * Reads the actions and the types that `actions.graphql` declares, by name.
 *
 * @throws Error that names the file if it is not valid
 */
export function readDeclarations (sdl: string, file: string): Declarations {
  const [actions, types] = [new Map<string, Action>(), new Map<string, ObjectTypeDefinitionNode>()]
  for (const node of definitionsOf(sdl, file)) {
    if (!('name' in node)) continue
    // For a type of another kind, only the name matters.
    const type = { ...node, kind: Kind.OBJECT_TYPE_DEFINITION } as ObjectTypeDefinitionNode
    const { name: { value: name }, fields = [] } = type
    if (!isRoot(name)) types.set(name, type)
    else for (const field of fields) {
      actions.set(field.name.value, { root: name, field, type: print(field.type).replaceAll(/[[\]!]/g, '') })
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

/** Whether an earlier version of the service may have declared the action like this: arguments are added over time. */
function isEarlier ({ root, field }: Action, ours: Action): boolean {
  const [own, all] = [field, ours.field].map(({ arguments: list = [] }) => (
    new Map(list.map(({ name, type }) => [name.value, print(type)]))
  )) as [Map<string, string>, Map<string, string>]
  const areKept = [...own].every(([name, type]) => all.get(name) === type)
  const areOptional = [...all].every(([name, type]) => own.has(name) || !type.endsWith('!'))
  return root === ours.root && print(field.type) === print(ours.field.type) && areKept && areOptional
}

/** The fields that a type of the project lacks, inserted before its closing brace. */
function newFields (
  own: ObjectTypeDefinitionNode, { name, fields = [] }: ObjectTypeDefinitionNode, source: string, file: string
): Edit[] {
  const known = new Map(own.fields?.map(field => [field.name.value, print(field.type)]))
  const changed = fields.find(field => known.has(field.name.value) && known.get(field.name.value) !== print(field.type))
  if (changed !== undefined) {
    throw new Error(`${file} declares ${name.value}.${changed.name.value} with another type than this service`)
  }
  const missing = fields.filter(field => !known.has(field.name.value))
  const end = rangeOf(own).end - 1
  const text = missing.map(field => `  ${textOf(source, field)}\n`).join('')
  return text === '' ? [] : [{ start: end, end, text }]
}

/**
 * Adds to an `actions.graphql` the declarations of the source that it lacks, and new arguments and fields.
 *
 * @throws Error that names a declaration that differs from the source in another way
 */
export function mergeSdl (sdl: string, source: string, file: string): string {
  const own = readDeclarations(sdl, file)
  const ours = readDeclarations(source, 'hasura/metadata/actions.graphql')
  const edits: Edit[] = []
  let added = ''
  for (const [name, action] of ours.actions) {
    const same = own.actions.get(name)
    if (same === undefined) added += `\ntype ${action.root} {\n  ${textOf(source, action.field)}\n}\n`
    else if (!isEarlier(same, action)) throw new Error(`${file} declares the action ${name} in another way than this service`)
    else if (same.field.arguments?.length !== action.field.arguments?.length) {
      edits.push({ ...rangeOf(same.field), text: textOf(source, action.field) })
    }
  }
  for (const [name, type] of ours.types) {
    const same = own.types.get(name)
    if (same === undefined) added += `\n${textOf(source, type)}\n`
    else edits.push(...newFields(same, type, source, file))
  }
  let text = sdl
  for (const edit of edits.toSorted((a, b) => b.start - a.start)) {
    text = text.slice(0, edit.start) + edit.text + text.slice(edit.end)
  }
  return added === '' ? text : `${text.trimEnd()}\n${added}`.trimStart()
}
