import { linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileNameOf, readKeyFiles } from '../../jwt/key-files.ts'
import type { KeyFile } from '../../jwt/key-files.ts'
import { timeline } from '../../jwt/key-ring.ts'
import { typeFor } from '../../jwt/key-type.ts'
import type { PairType, Refuse } from '../../jwt/key-type.ts'
import { readPrivateKey } from '../../jwt/pem.ts'
import { makePems } from './make.ts'

export interface RotateOptions {
  /** Of the answer with the public keys, in seconds. */
  maxAge: number
  /** Of a token, with the skew that verifiers allow, in seconds. */
  lifetime: number
  /** Until a new file has reached every replica, in seconds. */
  spread: number
  /** Of the new key; that of the newest one by default. */
  type: PairType | undefined
}

/** Appears whole, for nobody else to read, and never over a file that is there. */
export function writeKey (folder: string, name: string, pem: string): void {
  // Readers pass over names with a dot.
  const unfinished = join(folder, `.${name}.${process.pid}`)
  writeFileSync(unfinished, pem, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(unfinished, join(folder, name))
  } finally {
    rmSync(unfinished)
  }
}

/**
 * Writes the first key of a folder, which signs from the beginning.
 *
 * @throws Error where the folder holds a key already: of two no one could tell which signs
 */
export function writeFirstKey (folder: string, pem: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const there = readdirSync(folder).find(name => name.endsWith('.pem') && !name.startsWith('.'))
  if (there !== undefined) {
    throw new Error(`${join(folder, there)} is there already: npm run keys -- rotate ${folder} adds another key`)
  }
  writeKey(folder, 'first.pem', pem)
}

async function readFolder (folder: string): Promise<Array<KeyFile & { type: PairType }>> {
  const refuse = (problem: string): never => { throw new Error(`"${folder}" ${problem}`) }
  const files = await readKeyFiles(folder, refuse)
  return files.map((file) => {
    if (file.name === '') refuse('is a file: a rotation needs a folder, with the first key as first.pem in it')
    const refuseFile: Refuse = problem => refuse(`names a folder with ${file.name}, which ${problem}`)
    const key = readPrivateKey(file.pem, refuseFile)
    return { ...file, type: typeFor(key, undefined, problem => refuseFile(`holds a private key that ${problem}`)) }
  })
}

export interface Rotation {
  /** Of the new file, and what is to be in it. */
  name: string
  pem: string
  kid: string
  type: PairType
  /** When the new key begins to sign, and when the one that signs now is no longer needed (ms since 1970). */
  start: number
  end: number
  signing: string
  /** Files that nobody needs any more. */
  expired: string[]
}

/**
 * Makes a key for a folder that signs as soon as every verifier has had the time to fetch it. Nothing is written yet.
 *
 * @throws Error where a rotation is under way already, or the folder has no key that signs
 */
export async function planRotation (
  folder: string, { maxAge, lifetime, spread, type: wanted }: RotateOptions
): Promise<Rotation> {
  const files = await readFolder(folder)
  const now = Date.now()
  const tail = (lifetime + maxAge) * 1000
  const { signing, expired } = timeline(files, now, tail)
  const newest = files.at(-1)
  if (signing === undefined || newest === undefined) throw new Error(`"${folder}" holds no key that signs now`)
  if (newest !== signing) throw new Error(`"${folder}" holds ${newest.name}, which does not sign yet: one rotation at a time`)
  // Twice, as the service itself does with a key whose name gives no time: see jwt/open-keys.ts.
  const start = Math.ceil(now / 1000 + spread + 2 * maxAge) * 1000
  const type = wanted ?? newest.type
  const { kid, privatePem } = makePems(type)
  const names = expired.map(({ name }) => name)
  return {
    name: fileNameOf(start), pem: privatePem, kid, type, start, end: start + tail, signing: signing.name, expired: names
  }
}
