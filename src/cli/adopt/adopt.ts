import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { planAdoption } from './plan.ts'
import type { Change } from './plan.ts'
import { readProject } from './project.ts'
import { ownNames, readSource } from './source.ts'
import type { Names } from './source.ts'

const help = `Adds the tables, actions, types and permissions of this service to a project of Hasura's CLI (config v3).

  npm run adopt -- <folder>            show the changes; <folder> is the one with config.yaml
      --write                          write them
      --database <name>                the database that gets the tables; default by default
      --schema <name>                  the PostgreSQL schema of the tables; public by default
      --unauthorized-role <role>       Hasura's role of clients without a token; anonymous by default
      --user-role <role>               the role of a new user; user by default
      --unverified-role <role>         the role of a user whose email is not verified; unverified by default
      --url-variable <name>            Hasura's variable with the URL of this service; ACTION_BASE_URL by default
      --secret-variable <name>         Hasura's variable with the action secret; ACTION_SECRET by default

Run it again, with the same options, after an update of this service: it adds what is new.`

const string = { type: 'string' } as const
const options = {
  'write': { type: 'boolean' }, 'help': { type: 'boolean', short: 'h' }, 'database': string, 'schema': string,
  'unauthorized-role': string, 'user-role': string, 'unverified-role': string, 'url-variable': string, 'secret-variable': string
} as const

/** The option and the form of each name. */
const nameOptions = {
  unauthorizedRole: ['unauthorized-role', /^[A-Za-z_][\w-]*$/],
  userRole: ['user-role', /^[A-Za-z_][\w-]*$/],
  unverifiedRole: ['unverified-role', /^[A-Za-z_][\w-]*$/],
  schema: ['schema', /^[a-z_][a-z0-9_]*$/],
  urlVariable: ['url-variable', /^[A-Za-z_]\w*$/],
  // Hasura refuses the others in the headers of an action.
  secretVariable: ['secret-variable', /^(?!HASURA_GRAPHQL_)[A-Za-z_]\w*$/]
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

function readNames (values: Values): Names {
  const names = { ...ownNames }
  for (const key of Object.keys(nameOptions) as Array<keyof Names>) {
    const [option, form] = nameOptions[key]
    const value = values[option] ?? names[key]
    if (!form.test(value)) throw new Error(`--${option} must have the form ${form.source}`)
    names[key] = value
  }
  const roles = [names.unauthorizedRole, names.userRole, names.unverifiedRole, 'admin']
  if (new Set(roles).size < roles.length) throw new Error('The roles must differ from each other, and from admin')
  return names
}

function showDiff ({ file, before, after }: Change, folder: string): string {
  const name = relative(folder, file)
  return createTwoFilesPatch(before === '' ? '/dev/null' : `a/${name}`, `b/${name}`, before, after, undefined, undefined, {
    headerOptions: FILE_HEADERS_ONLY
  })
}

function describeSettings ({ unauthorizedRole, unverifiedRole, urlVariable, secretVariable }: Names): string {
  return `Set on Hasura:
  HASURA_GRAPHQL_JWT_SECRET          from npm run keys
  HASURA_GRAPHQL_UNAUTHORIZED_ROLE   ${unauthorizedRole}
  ${urlVariable.padEnd(34)} the URL of this service as Hasura reaches it, such as http://auth:3000
  ${secretVariable.padEnd(34)} from npm run keys -- action-secret
Set on this service:
  HASURA_GRAPHQL_ENDPOINT            the URL of Hasura as this service reaches it
  HASURA_GRAPHQL_ADMIN_SECRET        Hasura's
  HASURA_GRAPHQL_JWT_SECRET          the same as on Hasura
  HASURA_GRAPHQL_UNAUTHORIZED_ROLE   ${unauthorizedRole}
  ACTION_SECRET                      the same as ${secretVariable} on Hasura
  TOKEN_SECRET                       turns sessions on: openssl rand -hex 32
  UNVERIFIED_ROLE                    ${unverifiedRole}, if users must verify their email first
Then deploy the project with hasura deploy, start this service, and run npm run doctor.`
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
  if (values.help) return help
  if (folder === undefined || rest.length > 0) throw new Error('Name one folder: npm run adopt -- <folder>')
  const names = readNames(values)
  const database = values.database ?? 'default'
  const { changes, kept } = planAdoption(readProject(folder, database), readSource(names), names, {
    database, isGiven: key => values[nameOptions[key][0]] !== undefined
  })
  if (values.write) {
    for (const { file, after } of changes) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, after)
    }
  }
  const count = `${changes.length} file${changes.length === 1 ? '' : 's'}`
  return [
    ...changes.map(change => showDiff(change, folder)),
    ...kept.map(line => `${line}: add it if that is not intended`),
    changes.length === 0 ? 'Nothing to change.' : values.write ? `Wrote ${count}.` : `Run it with --write to write ${count}.`,
    '',
    describeSettings(names)
  ].join('\n')
}
