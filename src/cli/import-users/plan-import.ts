import { normalizeEmail } from '../../email.ts'
import type { ActionError } from '../../errors.ts'
import { readStoredHash } from '../../password/stored-hash.ts'
import { rewriteForeignHash } from './foreign-hash.ts'
import { readUserRows } from './user-rows.ts'
import type { UserRow } from './user-rows.ts'

interface Plan {
  /** In one transaction. */
  sql: string[]
  /** Why rows are left out, in the order of their lines. */
  problems: string[]
  /** Number of users that the SQL inserts. */
  users: number
}

/** The SQL of a row whose email is accepted. It is empty if there is nothing to do, or a problem with the row. */
interface Candidate { sql: string, problem?: string }

const begin = [
  // npm prints the command before the output. The semicolon ends that text, so that it does not swallow BEGIN.
  ';', 'BEGIN;', 'SET LOCAL client_encoding = \'UTF8\';', 'SET LOCAL standard_conforming_strings = on;'
]

function quote (text: string): string {
  return `'${text.replaceAll('\'', '\'\'')}'`
}

function insert ({ fields }: UserRow, email: string): Candidate {
  const { password = '', default_role: defaultRole = '', roles = '' } = fields
  const hash = rewriteForeignHash(password.trim())
  const others = new Set(roles.split(',').map(role => role.trim()).filter(role => role !== ''))
  if (readStoredHash(hash) === undefined) return { sql: '', problem: 'this service cannot read the password hash' }
  if (/\p{Cc}/u.test(defaultRole + roles)) return { sql: '', problem: 'a role has a control character in it' }

  const role = defaultRole.trim() === '' ? 'DEFAULT' : quote(defaultRole.trim())
  const values = [quote(email), quote(hash), role].join(', ')
  const statements = [`INSERT INTO public."user" (email, password, default_role) VALUES (${values});`]
  if (others.size > 0) {
    const array = `ARRAY[${Array.from(others, quote).join(', ')}]`
    const selected = `SELECT id, unnest(${array}) FROM public."user" WHERE email = ${quote(email)}`
    statements.push(`INSERT INTO public.user_role (user_id, role) ${selected};`)
  }
  return { sql: statements.join('\n') }
}

function update ({ fields }: UserRow, email: string): Candidate {
  const { email: stored = '' } = fields
  const sql = `UPDATE public."user" SET email = ${quote(email)} WHERE email = ${quote(stored)};`
  return { sql: email === stored ? '' : sql }
}

/** The normalised email, or what is wrong with it. */
function readEmail ({ fields: { email = '' } }: UserRow): { email: string } | { problem: string } {
  try {
    return { email: normalizeEmail(email) }
  } catch (error) {
    return { problem: (error as ActionError).message.replace(/^input\./, 'the ') }
  }
}

/**
 * Reads a CSV file of users and makes SQL: inserts, or, if the users are stored already, updates of their emails. Rows
 * whose emails are the same after normalisation are all left out, because only a person can tell whose email it is.
 *
 * @throws FileError
 */
export async function planImport (path: string, areStored: boolean): Promise<Plan> {
  const columns = areStored
    ? { required: ['email'], optional: [] }
    : { required: ['email', 'password'], optional: ['default_role', 'roles'] }
  const byEmail = new Map<string, { lines: number[], candidate: Candidate }>()
  const problems: Array<[line: number, text: string]> = []
  for await (const row of readUserRows(path, columns)) {
    const result = readEmail(row)
    if ('problem' in result) {
      problems.push([row.line, `line ${row.line}: ${result.problem}`])
      continue
    }
    const candidate = areStored ? update(row, result.email) : insert(row, result.email)
    if (candidate.problem !== undefined) problems.push([row.line, `line ${row.line}: ${candidate.problem}`])
    byEmail.set(result.email, { candidate, lines: [...byEmail.get(result.email)?.lines ?? [], row.line] })
  }

  const statements: string[] = []
  for (const [email, { lines, candidate: { sql } }] of byEmail) {
    const [first = 0, ...others] = lines
    const isShared = others.length > 0
    if (isShared) problems.push([first, `lines ${lines.join(', ')}: the same email after normalisation, ${email}`])
    else if (sql !== '') statements.push(sql)
  }
  return {
    sql: [...begin, ...statements, 'COMMIT;'],
    problems: problems.sort(([a], [b]) => a - b).map(([, text]) => text),
    users: statements.length
  }
}
