import { relative } from 'node:path'
import { parseArgs } from 'node:util'
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { planAdoption } from './plan.ts'
import type { Change } from './plan.ts'
import { readProject, writeText } from './project.ts'
import { ownNames, readSource } from './source.ts'
import type { Names } from './source.ts'

const help = `Adds the tables, actions, types and permissions of this service to a project of Hasura's CLI (config v3).

  npm run adopt -- <folder>            show the changes; <folder> is the one with config.yaml
      --write                          write them
      --database <name>                the database that gets the tables (default)
      --schema <name>                  the PostgreSQL schema of the tables (public)
      --unauthorized-role <role>       the role of clients without a token (anonymous)
      --user-role <role>               the role of new users (user)
      --unverified-role <role>         the role of users whose email is not verified (unverified)
      --url-variable <name>            Hasura's variable with the URL of this service (ACTION_BASE_URL)
      --secret-variable <name>         Hasura's variable with the action secret (ACTION_SECRET)

The parentheses contain the defaults.

Run it again, with the same options, after an update of this service: it adds what is new.`

const string = { type: 'string' } as const
const options = {
  'write': { type: 'boolean' }, 'help': { type: 'boolean', short: 'h' }, 'database': string, 'schema': string,
  'unauthorized-role': string, 'user-role': string, 'unverified-role': string, 'url-variable': string, 'secret-variable': string
} as const

/** The forms of names, by the last word of the option. Hasura allows no HASURA_GRAPHQL_ variables in headers. */
const forms: Array<[end: string, form: RegExp, inWords: string]> = [
  ['role', /^[A-Za-z_][\w-]*$/, 'letters, digits, _ and -, and no digit or - at its start'],
  ['schema', /^[a-z_][a-z0-9_]*$/, 'lower-case letters, digits and _, and no digit at its start'],
  ['variable', /^(?!HASURA_GRAPHQL_)[A-Za-z_]\w*$/, 'letters, digits and _, and no digit or HASURA_GRAPHQL_ at its start']
]

/** Checks the names. Most of them go into YAML and SQL unchanged. */
function checkNames (names: Names): void {
  for (const [option, name] of Object.entries(names)) {
    const [, form, inWords] = forms.find(([end]) => option.endsWith(end)) ?? []
    if (form?.test(name) === false) throw new Error(`--${option} must have only ${String(inWords)}`)
  }
  const roles = [names['unauthorized-role'], names['user-role'], names['unverified-role'], 'admin']
  if (new Set(roles).size < roles.length) throw new Error('The roles must differ from each other, and from admin')
}

function showDiff ({ file, before, after }: Change, folder: string): string {
  const name = relative(folder, file)
  return createTwoFilesPatch(before === '' ? '/dev/null' : `a/${name}`, `b/${name}`, before, after, undefined, undefined, {
    headerOptions: FILE_HEADERS_ONLY
  })
}

function describeSteps (names: Names): string {
  const { 'unauthorized-role': unauthorized, 'url-variable': url, 'secret-variable': secret } = names
  return `1. Set on Hasura, and restart it:
   HASURA_GRAPHQL_JWT_SECRET          yours, or from npm run keys -- HS256
   HASURA_GRAPHQL_UNAUTHORIZED_ROLE   ${unauthorized}
   ${url.padEnd(34)} the URL of this service as Hasura reaches it, such as http://auth:3000
   ${secret.padEnd(34)} from npm run keys -- action-secret
2. Deploy the project: hasura deploy
3. Set on this service, and start it:
   HASURA_GRAPHQL_ENDPOINT            the URL of Hasura as this service reaches it
   HASURA_GRAPHQL_ADMIN_SECRET        the same as on Hasura
   HASURA_GRAPHQL_JWT_SECRET          the same as on Hasura
   HASURA_GRAPHQL_UNAUTHORIZED_ROLE   ${unauthorized}
   ACTION_SECRET                      the same as ${secret} on Hasura
   TOKEN_SECRET                       turns sessions on: openssl rand -hex 32
   UNVERIFIED_ROLE                    ${names['unverified-role']}, if users must verify their email first
   HOST                               0.0.0.0, if Hasura runs on another machine or in a container
4. Check both sides: npm run doctor`
}

/**
 * Runs the command `adopt`.
 *
 * @param args - the arguments of the command line
 * @returns the text to print
 * @throws Error whose message is for the user: one line for each reason against it
 */
export function adopt (args: string[]): string {
  const { values, positionals: [folder, ...rest] } = parseArgs({ args, options, allowPositionals: true })
  const { write, help: isHelp, ...given } = values
  if (isHelp) return help
  if (folder === undefined || rest.length > 0) throw new Error('Name one folder: npm run adopt -- <folder>')
  const names = { ...ownNames, ...given }
  checkNames(names)
  const project = readProject(folder, names.database)
  const { changes, kept } = planAdoption(project, readSource(names), names, Object.keys(given))
  if (write) for (const { file, after } of changes) writeText(file, after)
  const count = `${changes.length} file${changes.length === 1 ? '' : 's'}`
  return [
    ...changes.map(change => showDiff(change, folder)),
    ...kept.map(line => `${line}: add it by hand if the project needs it`),
    changes.length === 0 ? 'Nothing to change.' : write ? `Wrote ${count}.` : `Run it with --write to write ${count}.`,
    '',
    describeSteps(names)
  ].join('\n')
}
