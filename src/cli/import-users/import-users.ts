import { parseArgs } from 'node:util'
import { planImport } from './plan-import.ts'

const help = `Reads users from a CSV file and writes the SQL that inserts them.

  npm run --silent import-users -- <file> > users.sql
      Columns: email, password (a hash), and optionally default_role and roles (separated by commas).
  npm run --silent import-users -- --stored <file> > emails.sql
      Column: email, of all users in the database. The SQL changes the emails that the service would not find.

Rows that cannot be imported are left out and reported on standard error, with their lines.
The exit status is 0, 1 if rows were left out, or 2 if nothing was written.`

interface Result { output: string, errors: string, status: number }

/**
 * Runs the command `import-users`, which turns the users of another system into SQL.
 *
 * @param args - the arguments of the command line
 * @throws Error whose message says why nothing is written
 */
export async function importUsers (args: string[]): Promise<Result> {
  const options = { stored: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } } as const
  const { values, positionals: [file, ...rest] } = parseArgs({ args, options, allowPositionals: true })
  if (values.help === true) return { output: help, errors: '', status: 0 }
  if (file === undefined || rest.length > 0) throw new Error('Name one CSV file: npm run --silent import-users -- <file>')
  const { sql, problems, users } = await planImport(file, values.stored)
  const summary = `${users} users written, ${problems.length} problems`
  return { output: sql.join('\n'), errors: [...problems, summary].join('\n'), status: problems.length > 0 ? 1 : 0 }
}
