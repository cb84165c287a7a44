import { parseArgs } from 'node:util'
import type { Environment } from '../../config.ts'
import { readJwtSecret } from '../../jwt/jwt-secret.ts'
import { isHmacType, isPairType, types } from '../../jwt/key-pair.ts'
import { writeFirstKey } from './folder.ts'
import { describeActionSecret, describePair, describeSecret, makePems } from './make.ts'
import { rotateFolder } from './rotate.ts'

const help = `Makes secrets and keys, and prints the lines for .env.

  npm run keys -- action-secret        the secret that Hasura sends to this service
  npm run keys -- HS256                a secret that signs tokens, for both sides; also HS384, HS512
  npm run keys -- Ed25519              a key pair: the private key for this service, the public key for Hasura;
                                       also RS256, RS384, RS512, ES256, ES384, ES512
      --folder <folder>                write the private key to first.pem in this folder instead of printing it
      --jwk-url <url>                  let Hasura fetch the public key from this URL, which is that of this service's
                                       /.well-known/jwks.json as Hasura sees it; needed to rotate keys
  npm run keys -- rotate <folder>      add a key that signs as soon as every verifier had the time to fetch it, and
                                       list the keys that are no longer needed
      --type <type>                    the type of the new key; by default that of the newest key
      --spread <seconds>               how long a new file takes to reach every replica; 120 by default
      --delete                         delete the keys that are no longer needed

A rotation uses JWKS_MAX_AGE_SECONDS, ACCESS_TOKEN_TTL_SECONDS, TOKEN_SECRET and HASURA_GRAPHQL_JWT_SECRET from the
environment and from .env. Set them as they are set for the service.`

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

/** Refuses an option that would have no effect. */
function checkOptions (command: string, values: Values): void {
  const known = command === 'rotate' ? ['type', 'spread', 'delete'] : isPairType(command) ? ['folder', 'jwk-url'] : []
  const other = Object.keys(values).find(name => !known.includes(name))
  if (other !== undefined) throw new Error(`--${other} has no effect with ${command}: see --help`)
}

function makeKey (type: string, { folder, 'jwk-url': url }: Values): string {
  if (isHmacType(type)) return describeSecret(type)
  if (!isPairType(type)) {
    throw new Error(`Unknown command "${type}": use action-secret, rotate, or a type, one of ${types.join(', ')}`)
  }
  if (/['\r\n]/.test(`${folder ?? ''}${url ?? ''}`)) {
    throw new Error('--folder and --jwk-url must not contain \' or a line break: .env cannot hold them')
  }
  if (url !== undefined) readJwtSecret(JSON.stringify({ jwk_url: url }), {})
  const pair = makePems(type)
  if (folder !== undefined) writeFirstKey(folder, pair.privatePem)
  return describePair(type, pair, { path: folder, url })
}

/**
 * Runs the command `keys`.
 *
 * @param args - the arguments of the command line
 * @returns the text to print
 * @throws Error whose message is for the user
 */
export async function keys (args: string[], env: Environment): Promise<string> {
  const { values, positionals: [command, folder, ...rest] } = parse(args)
  if (values.help || command === undefined) return help
  checkOptions(command, values)
  if (command === 'rotate' && folder !== undefined && rest.length === 0) return rotateFolder(folder, values, env)
  if (command === 'rotate') throw new Error('rotate takes one folder: npm run keys -- rotate <folder>')
  if (folder !== undefined) throw new Error(`Unexpected argument "${folder}": see --help`)
  return command === 'action-secret' ? describeActionSecret() : makeKey(command, values)
}
