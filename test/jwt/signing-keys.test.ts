import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose'
import t from 'tap'
import type { Test } from 'tap'
import { fileNameOf } from '../../src/jwt/key-files.ts'
import { pairFor, privatePem, publicPem } from '../support/key-pairs.ts'
import { temporaryFolder } from '../support/folders.ts'
import { service } from '../support/service.ts'

// The tests wait for the clock, not for the processor.
t.jobs = 10

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

/** A service with short times: verifiers keep the keys for one second, and tokens are valid for three. */
async function running (t: Test, path: string, secret = url) {
  const { fastify, log } = await service(t, {
    HASURA_GRAPHQL_JWT_SECRET: secret, JWT_PRIVATE_KEY_FILE: path, JWKS_MAX_AGE_SECONDS: '1', ACCESS_TOKEN_TTL_SECONDS: '3'
  })
  const state = async (): Promise<State> => {
    const { keys } = (await fastify.inject('/.well-known/jwks.json')).json<{ keys: Array<{ kid: string }> }>()
    const { kid } = decodeProtectedHeader(fastify.jwt.sign({ id: 1, default_role: 'user', disabled_at: null, roles: [] }))
    return { signing: kid, published: keys.map(({ kid }) => kid) }
  }
  const reports = (level: number): unknown[] => (
    log().filter(line => line['level'] === level).map(({ err, msg }) => err === undefined ? msg : (err as Error).message)
  )
  /** Polls until the state is the expected one. */
  const becomes = async (signing: Key, published: Key[], message: string): Promise<void> => {
    const wanted = { signing: signing.kid, published: published.map(({ kid }) => kid) }
    let found = await state()
    for (let tries = 0; tries < 300 && JSON.stringify(found) !== JSON.stringify(wanted); tries++) {
      await after(50)
      found = await state()
    }
    t.strictSame(found, wanted, message)
  }
  const reported = async (level: number, count: number): Promise<unknown[]> => {
    for (let tries = 0; tries < 300 && reports(level).length < count; tries++) await after(50)
    return reports(level)
  }
  return { becomes, reported, reports }
}

t.test('a key that replaces a single file is published first and signs later, and the old one stays until its tokens have expired', { buffered: true }, async (t) => {
  const file = join(temporaryFolder(t), 'key.pem')
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(file, a.pem)
  const { becomes, reports } = await running(t, file)
  await becomes(a, [a], 'alone')
  writeFileSync(`${file}.new`, b.pem)
  renameSync(`${file}.new`, file)
  await becomes(a, [a, b], 'published')
  const published = Date.now()
  await becomes(b, [a, b], 'signs')
  const signed = Date.now()
  t.ok(signed - published > 1500, 'after twice the time for which verifiers keep the keys')
  await becomes(b, [b], 'the old one has expired')
  t.ok(Date.now() - signed > 3000, 'after its last token, with a reserve for clocks that differ')
  t.strictSame([...reports(warning), ...reports(failure)], [])
})

t.test('an old key stays published for longer with allowed_skew', { buffered: true }, async (t) => {
  const file = join(temporaryFolder(t), 'key.pem')
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(file, a.pem)
  const { becomes } = await running(t, file, JSON.stringify({ ...JSON.parse(url) as object, allowed_skew: -3 }))
  writeFileSync(file, b.pem)
  await becomes(b, [a, b], 'the new one signs')
  const signed = Date.now()
  await becomes(b, [b], 'the old one has expired')
  t.ok(Date.now() - signed > 6000, 'after its last token by a clock that is that much behind, with the same reserve')
})

t.test('changes are noticed if Kubernetes replaces a folder by renaming a link', { buffered: true }, async (t) => {
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
  const { becomes, reports } = await running(t, folder)
  await becomes(a, [a], 'alone')
  const start = Math.ceil(Date.now() / 1000 + 6) * 1000
  put('..2026_2', { 'first.pem': a.pem, [fileNameOf(start)]: b.pem })
  await becomes(a, [a, b], 'the new key is published')
  await becomes(b, [a, b], 'it signs')
  t.ok(Date.now() >= start, 'from its time on')
  t.strictSame([...reports(warning), ...reports(failure)], [])
})

t.test('an unusable file is reported once, without its content, and the old keys stay in use', { buffered: true }, async (t) => {
  const file = join(temporaryFolder(t), 'key.pem')
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(file, a.pem)
  const { becomes, reported, reports } = await running(t, file)
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
    await becomes(a, [a], 'the old key stays in use')
  }
  writeFileSync(file, b.pem)
  await becomes(a, [a, b], 'a usable file is accepted')
  t.equal(reports(failure).length, 3, 'each problem is reported once')
})

t.test('a key that does not belong to the public key of Hasura is reported and does not sign', { buffered: true }, async (t) => {
  const folder = temporaryFolder(t)
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(join(folder, 'a.pem'), a.pem)
  const { becomes, reported } = await running(t, folder, JSON.stringify({ type: 'ES256', key: a.publicPem }))
  writeFileSync(join(folder, '2020-01-01T00-00-00Z.pem'), b.pem)
  const reason = /2020-01-01T00-00-00Z\.pem, which holds a private key that does not belong to the public key/
  t.match(await reported(failure, 1), [reason])
  await becomes(a, [a], 'the old key stays in use')
})

t.test('if the times of all keys in the folder are in the future, a warning says so, and the old key still signs', { buffered: true }, async (t) => {
  const folder = temporaryFolder(t)
  const [a, b] = [await newKey(), await newKey()]
  writeFileSync(join(folder, 'a.pem'), a.pem)
  const { becomes, reported, reports } = await running(t, folder)
  writeFileSync(join(folder, fileNameOf(Date.now() + 6000)), b.pem)
  rmSync(join(folder, 'a.pem'))
  t.match(await reported(warning, 1), [/^Every private key in the folder signs later: the previous key signs until/])
  await becomes(a, [a, b], 'still signs')
  await becomes(b, [a, b], 'until the next one may')
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

t.test('only regular files of a limited size are read: anything else stops the start', { buffered: true }, async (t) => {
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

t.test('a link without a target, and a link to itself, stop the start', { buffered: true }, async (t) => {
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

t.test('a FIFO that appears while the service runs is reported, and the old key stays in use', { buffered: true }, async (t) => {
  const folder = temporaryFolder(t)
  const a = await newKey()
  writeFileSync(join(folder, 'a.pem'), a.pem)
  const { becomes, reported } = await running(t, folder)
  execFileSync('mkfifo', [join(folder, '2020-01-01T00-00-00Z.pem')])
  t.match(await reported(failure, 1), [/2020-01-01T00-00-00Z\.pem, which is not a regular file/])
  await becomes(a, [a], 'the old key stays in use')
})

t.test('a folder or file that every user can write to causes one warning', { buffered: true }, async (t) => {
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
