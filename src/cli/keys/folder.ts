import { linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileNameOf, readKeyFiles, refuseFile } from '../../jwt/key-files.ts'
import type { KeyFile } from '../../jwt/key-files.ts'
import { readPrivateKey, typeFor } from '../../jwt/key-pair.ts'
import type { PairType } from '../../jwt/key-pair.ts'
import { makePems } from './make.ts'

/** Writes a whole file at once, readable only for its owner. Never replaces a file. */
export function writeKey (folder: string, name: string, pem: string): void {
  // Readers ignore names that start with a dot.
  const incomplete = join(folder, `.${name}.${process.pid}`)
  writeFileSync(incomplete, pem, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(incomplete, join(folder, name))
  } finally {
    rmSync(incomplete)
  }
}

/**
 * Writes the first key of a folder, which signs from the beginning.
 *
 * @throws Error if the folder holds a key already
 */
export function writeFirstKey (folder: string, pem: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const existing = readdirSync(folder).find(name => name.endsWith('.pem') && !name.startsWith('.'))
  if (existing !== undefined) {
    throw new Error(`${join(folder, existing)} exists already: npm run keys -- rotate ${folder} adds another key`)
  }
  writeKey(folder, 'first.pem', pem)
}

async function readFolder (folder: string): Promise<Array<KeyFile & { type: PairType }>> {
  const refuse = (problem: string): never => { throw new Error(`"${folder}" ${problem}`) }
  const files = await readKeyFiles(folder, refuse)
  return files.map((file) => {
    if (file.name === '') refuse('is a file: a rotation needs a folder with the first key as first.pem')
    const refuseKey = refuseFile(file.name, refuse)
    const key = readPrivateKey(file.pem, refuseKey)
    return { ...file, type: typeFor(key, undefined, problem => refuseKey(`holds a private key that ${problem}`)) }
  })
}

export interface RotateOptions {
  /** Seconds for which verifiers may keep the public keys. */
  maxAge: number
  /** Seconds for which a token is valid, including the skew that verifiers allow. */
  lifetime: number
  /** Seconds until a new file has reached every replica. */
  spread: number
  /** Type of the new key; by default, the type of the newest key. */
  type: PairType | undefined
}

export interface Rotation {
  /** Name and content of the new file. */
  name: string
  pem: string
  kid: string
  type: PairType
  /** When the new key starts to sign, in milliseconds since 1970. */
  start: number
  /** When the last token of the present key has expired, in milliseconds since 1970. */
  end: number
  /** Name of the file that signs now. */
  signing: string
  /** Names of files that are no longer needed. */
  expired: string[]
}

/**
 * Makes a key for a folder. It starts to sign when every verifier had the time to fetch it. Writes nothing.
 *
 * @throws Error if the previous rotation is not finished, or no key in the folder signs
 */
export async function planRotation (
  folder: string, { maxAge, lifetime, spread, type: wanted }: RotateOptions
): Promise<Rotation> {
  const files = await readFolder(folder)
  const now = Date.now()
  const tail = (lifetime + maxAge) * 1000
  const signing = files.findLast(({ start }) => start <= now)
  if (signing === undefined) throw new Error(`"${folder}" holds no key that signs now`)
  const next = files.find(({ start }) => start > now)
  if (next !== undefined) throw new Error(`"${folder}" holds ${next.name}, which does not sign yet: finish that rotation first`)
  // Twice, as the service does with a key that it finds late: see jwt/signing-keys.ts.
  const start = Math.ceil(now / 1000 + spread + 2 * maxAge) * 1000
  const type = wanted ?? signing.type
  const { kid, privatePem } = makePems(type)
  const expired = files.filter((_file, index) => (files[index + 1]?.start ?? Infinity) + tail <= now)
  return {
    name: fileNameOf(start), pem: privatePem, kid, type, start, end: start + tail, signing: signing.name,
    expired: expired.map(({ name }) => name)
  }
}
