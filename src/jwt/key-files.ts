import { access, constants, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { Refuse } from '../config.ts'

/** A private key on the disk. */
export interface KeyFile {
  /** Name of the file in its folder. Empty if the path is not a folder. */
  name: string
  pem: string
  /** The time from which the key signs, in milliseconds since 1970: from the name, or -Infinity if it has none. */
  start: number
}

type Reading = Promise<KeyFile[]>

/** A PEM file with an RSA key of 16384 bits has 13 KB. */
const maxBytes = 65_536

/** Milliseconds between two readings. */
const pollInterval = 1000

/** A file name that is valid everywhere, also as a key of a Kubernetes Secret. Names sort by time. */
export function fileNameOf (start: number): string {
  return `${new Date(start).toISOString().slice(0, 19).replaceAll(':', '-')}Z.pem`
}

/** @throws through `refuse` if a name starts like a time but is not one: the key would sign too early */
function startOf (name: string, refuse: Refuse): number {
  const start = Date.parse(name.replace(/T(\d\d)-(\d\d)-(\d\d)Z\.pem$/, 'T$1:$2:$3Z'))
  if (!Number.isNaN(start) && fileNameOf(start) === name) return start
  if (!/^\d/.test(name)) return -Infinity
  return refuse(`starts with a digit, but is not a time as in ${fileNameOf(0)}, in UTC`)
}

/** Reports a problem of a file in a folder as a problem of the folder. */
export function refuseFile (name: string, refuse: Refuse): Refuse {
  return problem => refuse(name === '' ? problem : `names a folder with ${name}, which ${problem}`)
}

function refuseError (refuse: Refuse): (error: NodeJS.ErrnoException) => never {
  return ({ code }) => refuse(`cannot be read: ${String(code)}`)
}

/** @returns undefined if the path is not a regular file, or the file is too large */
async function readRegularFile (path: string): Promise<string | undefined> {
  if (!(await stat(path)).isFile()) return undefined
  // O_NONBLOCK does not wait for a writer if a FIFO has just replaced the file.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes + 1)).finally(async () => file.close())
  return bytesRead > maxBytes ? undefined : buffer.toString('utf8', 0, bytesRead)
}

async function readKeyFile (path: string, name: string, refuse: Refuse): Promise<KeyFile> {
  const start = startOf(name, refuse)
  const pem = await readRegularFile(join(path, name)).catch(refuseError(refuse))
  return { name, start, pem: pem ?? refuse(`is not a regular file of at most ${maxBytes} bytes`) }
}

/**
 * Reads the private keys of a PEM file, or of every `*.pem` in a folder, in the order in which they sign. Ignores
 * names that start with a dot: Kubernetes keeps its versions there, and `npm run keys` an incomplete file.
 *
 * @throws through `refuse` if a name is unusable or a file cannot be read
 */
export async function readKeyFiles (path: string, refuse: Refuse): Promise<KeyFile[]> {
  const isFolder = (await stat(path).catch(refuseError(refuse))).isDirectory()
  const names = isFolder ? await readdir(path).catch(refuseError(refuse)) : ['']
  const pemNames = names.filter(name => !isFolder || (name.endsWith('.pem') && !name.startsWith('.')))
  if (pemNames.length === 0) refuse('names a folder without a file whose name ends in .pem')
  const files = await Promise.all(pemNames.map(async name => readKeyFile(path, name, refuseFile(name, refuse))))
  const [, second] = files.filter(({ start }) => start === -Infinity)
  if (second === undefined) return files.sort((a, b) => a.start - b.start)
  return refuse('names a folder with two keys that sign from the beginning: name the newer one by the time from which it signs')
}

/** Returns the paths that every user of this machine can write to: of a folder and its files, or of a single file. */
export async function findWorldWritable (path: string, files: KeyFile[]): Promise<string[]> {
  const writable: string[] = []
  for (const file of new Set(['', ...files.map(({ name }) => name)].map(name => join(path, name)))) {
    const { mode } = await stat(file)
    // Fails on a read-only file system, such as a Secret of Kubernetes, where the mode of the folder is 1777.
    const isWritable = await access(file, constants.W_OK).then(() => true, () => false)
    if ((mode & 0o002) !== 0 && isWritable) writable.push(file)
  }
  return writable
}

/**
 * Reads the files every second, and passes on what has changed. A watch of the file system would not notice when
 * Kubernetes replaces a link beside the file, or Docker replaces a mount below it.
 *
 * @param first - what was read before
 * @param onChange - called once for each new content of the files, and once for each new error
 * @returns stops the polling
 */
export function poll (read: () => Reading, first: KeyFile[], onChange: (reading: Reading) => unknown): () => void {
  let isStopped = false
  async function run (): Promise<void> {
    let current = JSON.stringify(first)
    let previous = current
    while (!isStopped) {
      await after(pollInterval, undefined, { ref: false })
      const reading = read()
      const found = await reading.then(files => JSON.stringify(files), String)
      // A file that is still being written differs from one reading to the next.
      const isComplete = found === previous
      previous = found
      if (isComplete && found !== current) await onChange(reading)
      if (isComplete) current = found
    }
  }
  void run()
  return () => { isStopped = true }
}
