import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseEnv } from 'node:util'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { fileNameOf } from '../../src/jwt/key-files.ts'
import { keys } from '../../src/cli/keys/keys.ts'
import { createAuthenticate } from '../../src/sandbox/auth/authenticate.ts'
import { pairFor, privatePem } from '../support/key-pairs.ts'
import { compiled, start } from '../support/process.ts'
import { temporaryFolder } from '../support/folders.ts'
import { service, settings } from '../support/service.ts'

const url = 'http://auth:3000/.well-known/jwks.json'
const user = { id: 7, default_role: 'user', disabled_at: null, email_verified_at: null, roles: [] }
// RS384 and RS512 have the same keys as RS256, which take longest to make.
const types = ['HS256', 'HS384', 'HS512', 'RS256', 'ES256', 'ES384', 'ES512', 'Ed25519']

t.test('an action secret is 32 random bytes', async (t) => {
  const printed = await keys(['action-secret'], {})
  t.match(printed, /^# For \.env, .*\n# The same value for this service and for Hasura:\nACTION_SECRET=[\da-f]{64}$/)
  t.not(await keys(['action-secret'], {}), printed)
})

t.test('the printed lines work on both sides, for every type', async (t) => {
  for (const type of types) {
    const env = parseEnv(await keys([type], {}))
    t.strictSame(Object.keys(env).sort(), [
      'HASURA_GRAPHQL_JWT_SECRET', ...type.startsWith('HS') ? [] : ['JWT_PRIVATE_KEY']
    ])
    const { fastify } = await service(t, env)
    const token = fastify.jwt.sign(user)
    t.equal(decodeProtectedHeader(token).alg, type === 'Ed25519' ? 'EdDSA' : type)
    const { authenticate } = createAuthenticate({
      adminSecret: 'a', unauthorizedRole: 'b', report: (problem) => { t.fail(problem) }, jwtSecret: env['HASURA_GRAPHQL_JWT_SECRET'] ?? ''
    })
    t.match(await authenticate({ authorization: `Bearer ${token}` }), { role: 'user' }, type)
  }
})

t.test('a private key is written to a folder, readable only by its owner, and never over a file', async (t) => {
  for (const [type, secret] of [['ES256', { jwk_url: url }], ['RS512', { type: 'RS512', jwk_url: url }]] as const) {
    const folder = join(temporaryFolder(t), 'keys')
    const printed = await keys([type, '--folder', folder, '--jwk-url', url], {})
    t.notMatch(printed, 'BEGIN')
    const { JWT_PRIVATE_KEY_FILE, HASURA_GRAPHQL_JWT_SECRET = '' } = parseEnv(printed)
    t.strictSame([JWT_PRIVATE_KEY_FILE, JSON.parse(HASURA_GRAPHQL_JWT_SECRET)], [folder, secret])
    t.strictSame(readdirSync(folder), ['first.pem'])
    t.equal(statSync(join(folder, 'first.pem')).mode & 0o777, 0o600)
    const { fastify } = await service(t, { JWT_PRIVATE_KEY_FILE, HASURA_GRAPHQL_JWT_SECRET })
    const kid = /(?<=kid is ).*(?=\.)/.exec(printed)?.[0]
    t.match(decodeProtectedHeader(fastify.jwt.sign(user)), { alg: type, kid })

    const before = readFileSync(join(folder, 'first.pem'), 'utf8')
    const message = `${join(folder, 'first.pem')} exists already: npm run keys -- rotate ${folder} adds another key`
    await t.rejects(keys(['Ed25519', '--folder', folder], {}), { message })
    t.equal(readFileSync(join(folder, 'first.pem'), 'utf8'), before)
    t.strictSame(readdirSync(folder), ['first.pem'], 'no incomplete file is left')
  }
})

t.test('a rotation adds a key that signs once verifiers can have it, and prints when that is', async (t) => {
  const folder = temporaryFolder(t)
  await keys(['ES384', '--folder', folder], {})
  const before = Math.ceil(Date.now() / 1000)
  const printed = await keys(['rotate', folder, '--spread', '30'], {
    JWKS_MAX_AGE_SECONDS: '60', ACCESS_TOKEN_TTL_SECONDS: '100', HASURA_GRAPHQL_JWT_SECRET: `{"jwk_url":"${url}","allowed_skew":5}`
  })
  const [name = ''] = readdirSync(folder)
  const [first, ...lines] = printed.split('\n')
  const begin = Date.parse(/It signs from (\S+)/.exec(printed)?.[1] ?? '')
  t.match(first, `${join(folder, name)} is a new key for ES384. Its kid is `)
  t.equal(name, fileNameOf(begin))
  t.ok(begin / 1000 >= before + 30 + 2 * 60 && begin / 1000 <= Date.now() / 1000 + 151)
  t.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
  t.strictSame(lines, [
    `It signs from ${new Date(begin).toISOString()} on. Until then, the file has 30 seconds to reach every`,
    'replica (--spread), and verifiers have twice 60 seconds to fetch the key (JWKS_MAX_AGE_SECONDS).',
    `${join(folder, 'first.pem')} signs until then. Its last token expires 100 seconds later`,
    `(ACCESS_TOKEN_TTL_SECONDS). You can delete the file from ${new Date(begin + 165_000).toISOString()} on.`,
    'These times come from JWKS_MAX_AGE_SECONDS=60 (set), ACCESS_TOKEN_TTL_SECONDS=100 (set) and allowed_skew=5.'
  ])
  const { fastify } = await service(t, { JWT_PRIVATE_KEY_FILE: folder, HASURA_GRAPHQL_JWT_SECRET: `{"jwk_url":"${url}"}` })
  t.equal(fastify.jwt.publicKeys?.().length, 2)

  await t.rejects(keys(['rotate', folder], {}), { message: `"${folder}" holds ${name}, which does not sign yet: finish that rotation first` })
})

t.test('a rotation lists the keys that are no longer needed, and deletes them with --delete', async (t) => {
  for (const remove of [false, true]) {
    const folder = temporaryFolder(t)
    const recent = fileNameOf(Date.now() - 60_000)
    for (const name of ['first.pem', '2020-01-01T00-00-00Z.pem', recent]) writeFileSync(join(folder, name), privatePem(pairFor('ES256')))
    const printed = await keys(['rotate', folder, '--type', 'Ed25519', ...remove ? ['--delete'] : []], {})
    t.match(printed, 'is a new key for Ed25519')
    const first = join(folder, 'first.pem')
    const byDefault = 'These times come from JWKS_MAX_AGE_SECONDS=300 (the default), ACCESS_TOKEN_TTL_SECONDS=3600 (the default)'
      + ' and allowed_skew=0 (HASURA_GRAPHQL_JWT_SECRET is not set).'
    t.strictSame(printed.split('\n').slice(5), [byDefault, remove ? `${first} is deleted.` : `${first} is no longer needed: delete it, or use --delete.`])
    t.equal(readdirSync(folder).length, remove ? 3 : 4)
  }
})

t.test('with TOKEN_SECRET, a rotation counts with the shorter default of access tokens', async (t) => {
  const table: Array<[Record<string, string>, string]> = [
    [{ TOKEN_SECRET: 'a'.repeat(32) }, 'ACCESS_TOKEN_TTL_SECONDS=900 (the default)'],
    [{ TOKEN_SECRET: '' }, 'ACCESS_TOKEN_TTL_SECONDS=3600 (the default)'],
    [{ TOKEN_SECRET: 'a'.repeat(32), ACCESS_TOKEN_TTL_SECONDS: '60' }, 'ACCESS_TOKEN_TTL_SECONDS=60 (set)']
  ]
  for (const [env, lifetime] of table) {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'first.pem'), privatePem(pairFor('ES256')))
    t.match(await keys(['rotate', folder], env), lifetime)
  }
})

t.test('the type of a new key comes from the configuration, or otherwise from the newest key', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'a.pem'), privatePem(pairFor('RS256')))
  const env = { HASURA_GRAPHQL_JWT_SECRET: `{"type":"RS512","jwk_url":"${url}"}` }
  await t.rejects(keys(['rotate', folder, '--type', 'ES256'], env), { message: /has type RS512: remove it there before you add a key for ES256/ })
  t.match(await keys(['rotate', folder], env), 'is a new key for RS512')
})

t.test('a command that cannot run prints one line that says why', async (t) => {
  const folder = temporaryFolder(t)
  const [file, future] = [join(folder, 'a.pem'), temporaryFolder(t)]
  writeFileSync(file, privatePem(pairFor('ES256')))
  writeFileSync(join(future, '2999-01-01T00-00-00Z.pem'), privatePem(pairFor('ES256')))
  const broken = temporaryFolder(t)
  writeFileSync(join(broken, 'b.pem'), 'hunter2')
  const weak = temporaryFolder(t)
  writeFileSync(join(weak, 'b.pem'), privatePem(generateKeyPairSync('x25519')))
  const table: Array<[string[], RegExp, Record<string, string>?]> = [
    [['HS1024'], /^Unknown command "HS1024": use action-secret, rotate, or a type, one of HS256, .*, Ed25519$/],
    [['ES256', 'x'], /^Unexpected argument "x": see --help$/],
    [['ES256', '--jwk-url', 'auth'], /^HASURA_GRAPHQL_JWT_SECRET has an unusable "jwk_url": it must be a URL/],
    [['ES256', '--size', '1'], /^Unknown option '--size'/],
    [['HS256', '--folder', 'x', '--delete', '--spread', 'zz'], /^--folder has no effect with HS256: see --help$/],
    [['action-secret', '--jwk-url', url], /^--jwk-url has no effect with action-secret/],
    [['ES256', '--type', 'ES256'], /^--type has no effect with ES256/],
    [['rotate', folder, '--folder', 'x'], /^--folder has no effect with rotate/],
    [['ES256', '--folder', 'a\'b'], /^--folder and --jwk-url must not contain ' or a line break/],
    [['ES256', '--jwk-url', 'http://a/\''], /^--folder and --jwk-url must not contain '/],
    [['ES256', '--folder', folder], /a\.pem exists already: npm run keys -- rotate \S+ adds another key$/],
    [['rotate'], /^rotate takes one folder/],
    [['rotate', folder, 'x'], /^rotate takes one folder/],
    [['rotate', '/nowhere'], /^"\/nowhere" cannot be read: ENOENT$/],
    [['rotate', file], /a\.pem" is a file: a rotation needs a folder/],
    [['rotate', future], /holds no key that signs now$/],
    [['rotate', broken], /names a folder with b\.pem, which holds no private key/],
    [['rotate', weak], /names a folder with b\.pem, which holds a private key that is a key for x25519, for which Hasura has no type$/],
    [['rotate', folder, '--spread', '-1'], /ambiguous/],
    [['rotate', folder, '--spread', '1.5'], /^--spread must be a number of seconds from 0 to 86400$/],
    [['rotate', folder, '--type', 'HS256'], /^--type must be one of RS256, RS384, RS512, ES256, ES384, ES512, Ed25519$/],
    [['rotate', folder], /^JWKS_MAX_AGE_SECONDS must be a number of seconds from 1 to 86400$/, { JWKS_MAX_AGE_SECONDS: '0' }],
    [['rotate', folder], /^ACCESS_TOKEN_TTL_SECONDS must be a number of seconds from 1/, { ACCESS_TOKEN_TTL_SECONDS: 'x' }],
    [['rotate', folder], /has an unusable "allowed_skew"/, { HASURA_GRAPHQL_JWT_SECRET: `{"jwk_url":"${url}","allowed_skew":1e16}` }],
    [['rotate', folder], /^HASURA_GRAPHQL_JWT_SECRET has no "jwk_url"/, { HASURA_GRAPHQL_JWT_SECRET: settings.HASURA_GRAPHQL_JWT_SECRET }]
  ]
  for (const [args, message, env = {}] of table) {
    await t.rejects(keys(args, env), { message }, args.join(' '))
  }
  t.strictSame(readdirSync(folder), ['a.pem'])
})

t.test('the command prints help and errors, and sets the exit code', async (t) => {
  const run = async (...args: string[]): Promise<[string, string, unknown]> => {
    const cwd = temporaryFolder(t)
    writeFileSync(join(cwd, '.env'), 'JWKS_MAX_AGE_SECONDS=0\n')
    const { child, stderr } = start(t, { ACCESS_TOKEN_TTL_SECONDS: '' }, cwd, [compiled('src/cli/keys/main.ts'), ...args])
    const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<unknown[]>])
    return [stdout, await stderr, code]
  }
  const [help, failure] = await Promise.all([run('--help'), run('rotate', '.')])
  t.match(help, [/^Makes secrets and keys[\s\S]*npm run keys -- rotate <folder>/, /^$/, 0])
  t.match(failure, [/^$/, /^JWKS_MAX_AGE_SECONDS must be a number of seconds from 1 to 86400\n$/, 1], 'reads .env')
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  t.equal(scripts['keys'], 'tsc -b --noCheck && node build/src/cli/keys/main.js', 'the same command as in this test')
  t.equal(help[0], `${await keys([], {})}\n`)
})
