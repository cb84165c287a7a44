import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import timers from 'node:timers/promises'
import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { fileNameOf } from '../../src/jwt/key-files.ts'
import { pairFor, privatePem, publicPem } from '../support/key-pairs.ts'
import { temporaryFolder } from '../support/folders.ts'
import { replace } from '../support/replace.ts'
import { service } from '../support/service.ts'

// The tests set the clock. The service reads the files again in the next turn of the event loop, not a second later.
let now = Date.parse('2026-01-01T00:00:00Z')
const turn = async (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })
replace(t, Date, 'now', () => now)
replace(t, timers, 'setTimeout', turn)
syncBuiltinESMExports()

const url = JSON.stringify({ jwk_url: 'http://auth:3000/.well-known/jwks.json' })

interface Key { pem: string, kid: string, publicPem: string }

async function newKey (): Promise<Key> {
  const pair = pairFor('ES256')
  const kid = await calculateJwkThumbprint(pair.publicKey.export({ format: 'jwk' }))
  return { pem: privatePem(pair), kid, publicPem: publicPem(pair) }
}

/** Levels of the log. */
const warning = 40
const failure = 50

interface State { signing: string | undefined, published: unknown[] }

/** A service whose keys verifiers keep for 10 seconds, and whose tokens are valid for 60. */
async function running (t: Test, path: string, secret = url) {
  const { fastify, log } = await service(t, {
    HASURA_GRAPHQL_JWT_SECRET: secret, JWT_PRIVATE_KEY_FILE: path, JWKS_MAX_AGE_SECONDS: '10', ACCESS_TOKEN_TTL_SECONDS: '60'
  })
  const state = async (): Promise<State> => {
    const { keys } = (await fastify.inject('/.well-known/jwks.json')).json<{ keys: Array<{ kid: string }> }>()
    const { kid } = decodeProtectedHeader(fastify.jwt.sign({ id: 1, default_role: 'user', disabled_at: null, email_verified_at: null, roles: [] }))
    return { signing: kid, published: keys.map(({ kid }) => kid) }
  }
  const reports = (level: number): unknown[] => (
    log().filter(line => line['level'] === level).map(({ err, msg }) => err === undefined ? msg : (err as Error).message)
  )
  const is = async (signing: Key, published: Key[], message: string): Promise<void> => {
    t.strictSame(await state(), { signing: signing.kid, published: published.map(({ kid }) => kid) }, message)
  }
  const reported = async (level: number, count: number): Promise<unknown[]> => {
    while (reports(level).length < count) await turn()
    return reports(level)
  }
  const changed = async (): Promise<void> => {
    while (!log().some(({ msg }) => msg === 'The private keys have changed')) await turn()
  }
  return { is, changed, reported, reports }
}

const seconds = 1000

t.test('a key that replaces a single file is published first and signs later, and the old one stays until its tokens have expired', async (t) => {
  const file = join(temporaryFolder(t), 'key.pem')
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(file, a.pem)
  const { is, changed, reports } = await running(t, file)
  await is(a, [a], 'alone')
  writeFileSync(`${file}.new`, b.pem)
  renameSync(`${file}.new`, file)
  await changed()
  await is(a, [a, b], 'published')
  now += 20 * seconds - 1
  await is(a, [a, b], 'until twice the time for which verifiers keep the keys has passed')
  now += 1
  await is(b, [a, b], 'signs')
  now += 70 * seconds - 1
  await is(b, [a, b], 'until the last token of the old one has expired, with a margin for clocks that differ')
  now += 1
  await is(b, [b], 'the old one has expired')
  t.strictSame([...reports(warning), ...reports(failure)], [])
})

t.test('an old key stays published for longer with allowed_skew', async (t) => {
  const file = join(temporaryFolder(t), 'key.pem')
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(file, a.pem)
  const { is, changed } = await running(t, file, JSON.stringify({ ...JSON.parse(url) as object, allowed_skew: -3 }))
  writeFileSync(file, b.pem)
  await changed()
  now += 20 * seconds
  await is(b, [a, b], 'the new one signs')
  now += 73 * seconds - 1
  await is(b, [a, b], 'tokens stay valid for three seconds longer')
  now += 1
  await is(b, [b], 'the old one has expired')
})

t.test('changes are noticed if Kubernetes replaces a folder by renaming a link', async (t) => {
  const folder = temporaryFolder(t)
  const [a, b] = [await newKey(), await newKey()]
  const put = (version: string, files: Record<string, string>): void => {
    mkdirSync(join(folder, version))
    for (const [name, pem] of Object.entries(files)) writeFileSync(join(folder, version, name), pem)
    symlinkSync(version, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    for (const name of Object.keys(files)) {
      rmSync(join(folder, name), { force: true })
      symlinkSync(join('..data', name), join(folder, name))
    }
  }
  put('..2026_1', { 'first.pem': a.pem })
  const { is, changed, reports } = await running(t, folder)
  await is(a, [a], 'alone')
  now = Math.ceil(now / seconds) * seconds
  put('..2026_2', { 'first.pem': a.pem, [fileNameOf(now + 30 * seconds)]: b.pem })
  await changed()
  now += 30 * seconds - 1
  await is(a, [a, b], 'the new key is published')
  now += 1
  await is(b, [a, b], 'it signs from its time on')
  t.strictSame([...reports(warning), ...reports(failure)], [])
})

t.test('an unusable file is reported once, without its content, and the old keys stay in use', async (t) => {
  const file = join(temporaryFolder(t), 'key.pem')
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(file, a.pem)
  const { is, changed, reported, reports } = await running(t, file)
  const table: Array<[() => void, RegExp]> = [
    [() => { writeFileSync(file, '') }, /^JWT_PRIVATE_KEY_FILE holds no private key/],
    [() => { writeFileSync(file, b.pem.slice(0, 90)) }, /^JWT_PRIVATE_KEY_FILE holds no private key/],
    [() => { rmSync(file) }, /^JWT_PRIVATE_KEY_FILE cannot be read: ENOENT$/]
  ]
  for (const [index, [spoil, message]] of table.entries()) {
    spoil()
    const errors = await reported(failure, index + 1)
    t.match(errors.at(-1), message)
    t.notMatch(JSON.stringify(errors), b.pem.slice(30, 60))
    await is(a, [a], 'the old key stays in use')
  }
  writeFileSync(file, b.pem)
  await changed()
  await is(a, [a, b], 'a usable file is accepted')
  t.equal(reports(failure).length, 3, 'each problem is reported once')
})

t.test('a key that does not belong to the public key of Hasura is reported and does not sign', async (t) => {
  const folder = temporaryFolder(t)
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(join(folder, 'a.pem'), a.pem)
  const { is, reported } = await running(t, folder, JSON.stringify({ type: 'ES256', key: a.publicPem }))
  writeFileSync(join(folder, '2020-01-01T00-00-00Z.pem'), b.pem)
  const reason = /2020-01-01T00-00-00Z\.pem, which holds a private key that does not belong to the public key/
  t.match(await reported(failure, 1), [reason])
  await is(a, [a], 'the old key stays in use')
})

t.test('if the times of all keys in the folder are in the future, a warning says so, and the old key still signs', async (t) => {
  const folder = temporaryFolder(t)
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(join(folder, 'a.pem'), a.pem)
  const { is, reported, reports } = await running(t, folder)
  now = Math.ceil(now / seconds) * seconds
  writeFileSync(join(folder, fileNameOf(now + 30 * seconds)), b.pem)
  rmSync(join(folder, 'a.pem'))
  t.match(await reported(warning, 1), [/^Every private key in the folder signs later: the previous key signs until/])
  now += 30 * seconds - 1
  await is(a, [a, b], 'still signs')
  now += 1
  await is(b, [a, b], 'until the next one may')
  t.strictSame(reports(failure), [])
})

/** Every kind of path that is not a regular file, and what makes it. */
const irregular: Record<string, (path: string) => unknown> = {
  'a FIFO': path => execFileSync('mkfifo', [path]),
  'a link to a FIFO': (path) => {
    execFileSync('mkfifo', [`${path}.fifo`])
    symlinkSync(`${path}.fifo`, path)
  },
  'a socket': async path => once(createServer().listen(path).unref(), 'listening'),
  'a device': (path) => { symlinkSync('/dev/zero', path) },
  'a folder': (path) => { mkdirSync(path) },
  'a file of 64 KiB and one byte': (path) => { writeFileSync(path, 'x'.repeat(65_537)) }
}

t.test('only regular files of a limited size are read: anything else stops the start', async (t) => {
  const { pem } = await newKey()
  for (const [kind, make] of Object.entries(irregular)) {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.pem'), pem)
    await make(join(folder, 'x.pem'))
    const settings = { HASURA_GRAPHQL_JWT_SECRET: url, JWT_PRIVATE_KEY_FILE: folder }
    const problem = 'is not a regular file of at most 65536 bytes'
    await t.rejects(service(t, settings), { message: `JWT_PRIVATE_KEY_FILE names a folder with x.pem, which ${problem}` }, kind)
    // The path itself may name a folder.
    if (kind === 'a folder') continue
    const file = { ...settings, JWT_PRIVATE_KEY_FILE: join(folder, 'x.pem') }
    await t.rejects(service(t, file), { message: `JWT_PRIVATE_KEY_FILE ${problem}` }, kind)
  }
})

t.test('a link without a target, and a link to itself, stop the start', async (t) => {
  const { pem } = await newKey()
  for (const [target, code] of [['nothing.pem', 'ENOENT'], ['x.pem', 'ELOOP']] as const) {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'a.pem'), pem)
    symlinkSync(target, join(folder, 'x.pem'))
    await t.rejects(service(t, { HASURA_GRAPHQL_JWT_SECRET: url, JWT_PRIVATE_KEY_FILE: folder }), {
      message: `JWT_PRIVATE_KEY_FILE names a folder with x.pem, which cannot be read: ${code}`
    })
  }
})

t.test('a FIFO that appears while the service runs is reported, and the old key stays in use', async (t) => {
  const folder = temporaryFolder(t)
  const a = await newKey()
  writeFileSync(join(folder, 'a.pem'), a.pem)
  const { is, reported } = await running(t, folder)
  execFileSync('mkfifo', [join(folder, '2020-01-01T00-00-00Z.pem')])
  t.match(await reported(failure, 1), [/2020-01-01T00-00-00Z\.pem, which is not a regular file/])
  await is(a, [a], 'the old key stays in use')
})

t.test('a folder or file that every user can write to causes one warning', async (t) => {
  const { pem } = await newKey()
  const table: Array<{ folderMode: number, fileMode: number, paths: string[] }> = [
    { folderMode: 0o700, fileMode: 0o600, paths: [] },
    { folderMode: 0o775, fileMode: 0o664, paths: [] },
    { folderMode: 0o777, fileMode: 0o600, paths: ['.'] },
    { folderMode: 0o1777, fileMode: 0o600, paths: ['.'] },
    { folderMode: 0o755, fileMode: 0o666, paths: ['a.pem'] },
    { folderMode: 0o777, fileMode: 0o646, paths: ['.', 'a.pem'] }
  ]
  for (const { folderMode, fileMode, paths } of table) {
    const folder = temporaryFolder(t)
    const file = join(folder, 'a.pem')
    writeFileSync(file, pem)
    chmodSync(file, fileMode)
    chmodSync(folder, folderMode)
    const warningsOf = async (path: string): Promise<unknown[]> => {
      const { log } = await service(t, { HASURA_GRAPHQL_JWT_SECRET: url, JWT_PRIVATE_KEY_FILE: path })
      return log().filter(({ level }) => level === warning).map(({ msg, paths }) => [String(msg).split(':')[0], paths])
    }
    const text = 'Every user of this machine can replace private keys, and so issue tokens'
    const expected = (found: string[]): unknown[] => found.length === 0 ? [] : [[text, found]]
    t.strictSame(await warningsOf(folder), expected(paths.map(name => join(folder, name))))
    t.strictSame(await warningsOf(file), expected(paths.includes('a.pem') ? [file] : []), 'a single file')
  }
})
