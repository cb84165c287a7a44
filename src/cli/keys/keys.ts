import { parseArgs } from 'node:util'
import { readJwtSecret } from '../../jwt/jwt-secret.ts'
import { isHmacType, isPairType } from '../../jwt/key-type.ts'
import type { Environment } from '../../config.ts'
import { writeFirstKey } from './folder.ts'
import { describePair, describeSecret, intoEnv, makePems, makeSecret, types } from './make.ts'
import { rotateFolder } from './rotate.ts'

const help = `Makes secrets and keys, and says what goes where.

  npm run keys -- action-secret        what Hasura sends to this service
  npm run keys -- HS256                a secret that signs tokens, on both sides; also HS384, HS512
  npm run keys -- Ed25519              a key pair: the private key for this service, the public one for Hasura;
                                       also RS256, RS384, RS512, ES256, ES384, ES512
      --folder <folder>                writes the private key there as first.pem, and does not print it
      --jwk-url <url>                  lets Hasura fetch the public key: the URL of this service's
                                       /.well-known/jwks.json as Hasura sees it; a rotation needs that
  npm run keys -- rotate <folder>      adds a key that signs when every verifier has had the time to fetch it,
                                       and names those that nobody needs any more
      --type <type>                    of another type than the newest key
      --spread <seconds>               how long a new file takes to reach every replica; 120 by default
      --delete                         deletes those that nobody needs any more

What it prints are lines for .env. A rotation goes by JWKS_MAX_AGE_SECONDS, ACCESS_TOKEN_TTL_SECONDS and
HASURA_GRAPHQL_JWT_SECRET in the environment and in .env: they must be there as they are for the service.`

const options = {
  'folder': { type: 'string' },
  'jwk-url': { type: 'string' },
  'type': { type: 'string' },
  'spread': { type: 'string' },
  'delete': { type: 'boolean' },
  'help': { type: 'boolean', short: 'h' }
} as const

function parse (args: string[]) {
  return parseArgs({ args, options, allowPositionals: true })
}

type Values = ReturnType<typeof parse>['values']

/** An option that does nothing was meant to do something. */
function checkOptions (what: string, values: Values): void {
  const known = what === 'rotate' ? ['type', 'spread', 'delete'] : isPairType(what) ? ['folder', 'jwk-url'] : []
  const other = Object.keys(values).find(name => !known.includes(name))
  if (other !== undefined) throw new Error(`--${other} is not for ${what}: see --help`)
}

function makeFor (what: string, { folder, 'jwk-url': url }: Values): string {
  if (isHmacType(what)) return describeSecret(what)
  if (!isPairType(what)) {
    throw new Error(`There is no "${what}": use action-secret, rotate, or a type, one of ${types.join(', ')}`)
  }
  if (/['\r\n]/.test(`${folder ?? ''}${url ?? ''}`)) {
    throw new Error('--folder and --jwk-url must have no \' and no line break in them: .env could not hold them')
  }
  if (url !== undefined) readJwtSecret(JSON.stringify({ jwk_url: url }))
  const pair = makePems(what)
  if (folder !== undefined) writeFirstKey(folder, pair.privatePem)
  return describePair(what, pair, { path: folder, url })
}

/**
 * Does what a command line asks for.
 *
 * @returns what is to be printed
 * @throws Error whose message says what is wrong with it
 */
export async function keys (args: string[], env: Environment): Promise<string> {
  const { values, positionals: [what, folder, ...rest] } = parse(args)
  if (values.help || what === undefined) return help
  checkOptions(what, values)
  if (what === 'rotate' && folder !== undefined && rest.length === 0) return rotateFolder(folder, values, env)
  if (what === 'rotate') throw new Error('rotate takes one folder: npm run keys -- rotate <folder>')
  if (folder !== undefined) throw new Error(`There is nothing to do with "${folder}": see --help`)
  if (what !== 'action-secret') return makeFor(what, values)
  return `${intoEnv}\n# For this service and for Hasura, the same:\nACTION_SECRET=${makeSecret(32)}`
}
