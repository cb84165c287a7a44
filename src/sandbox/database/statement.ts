import type { Session } from '../auth/authenticate.ts'
import { HasuraFault } from '../fault.ts'
import { writeJson } from '../json.ts'
import type { Column, TrackedTable } from './catalogue.ts'

/** The state of a statement that is being compiled. */
export interface Statement {
  /** The values of `$1`, `$2`, … so far. */
  params: Array<string | null>
  /** The session of the caller. */
  session: Session
  /** The number of table aliases in it: t1, t2, … */
  aliases: number
}

export function newStatement (session: Session): Statement {
  return { params: [], session, aliases: 0 }
}

/** Quotes an identifier. */
export function quote (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function tableName ({ schema, name }: TrackedTable): string {
  return `${quote(schema)}.${quote(name)}`
}

/** Joins conditions by AND. */
export function all (conditions: string[]): string {
  return conditions.length === 0 ? 'true' : `(${conditions.join(' AND ')})`
}

/** Adds a parameter. PostgreSQL reads it like a literal of the column's type, so it checks the value. */
export function parameter ({ params }: Statement, value: unknown, { type, cast }: Column): string {
  const isJson = type === 'json' || type === 'jsonb'
  const isText = value === null || (typeof value === 'string' && !isJson)
  params.push(isText ? value : writeJson(value))
  const text = `$${params.length}::text`
  if (!Array.isArray(value) || isJson) return `${text}::${cast}`
  return `ARRAY(SELECT jsonb_array_elements_text(${text}::jsonb))::${cast}`
}

/** Replaces the name of a session variable in a permission by its value in the caller's session. */
export function resolveVariable (value: unknown, { session }: Statement): unknown {
  if (typeof value !== 'string' || !/^x-hasura-/i.test(value)) return value
  const name = value.toLowerCase()
  const resolved = session.variables[name]
  if (resolved === undefined) throw new HasuraFault('not-found', `missing session variable: "${name}"`)
  return resolved
}
