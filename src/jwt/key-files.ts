import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Refuse } from './key-type.ts'

/** A private key as it lies on the disk. */
export interface KeyFile {
  /** Of the file in its folder; empty where there is no folder. */
  name: string
  pem: string
  /** From when on it signs, in milliseconds since 1970: by its name, or from the beginning. */
  start: number
}

/** Good as a file name everywhere, and as a key of a Kubernetes secret; names sort as their times do. */
export function fileNameOf (start: number): string {
  return `${new Date(start).toISOString().slice(0, 19).replaceAll(':', '-')}Z.pem`
}

/** @throws through `refuse` where a name begins as a time does and is none: that key would sign too early */
function startOf (name: string, refuse: Refuse): number {
  const [, date = '', time = ''] = /^(\d{4}-\d\d-\d\d)T(\d\d-\d\d-\d\dZ)\.pem$/.exec(name) ?? []
  const start = Date.parse(`${date}T${time.replaceAll('-', ':')}`)
  if (!Number.isNaN(start) && fileNameOf(start) === name) return start
  if (!/^\d/.test(name)) return -Infinity
  return refuse(`names a folder with ${name}: the time from which a key signs is written as in ${fileNameOf(0)}, in UTC`)
}

/**
 * Reads the private keys of a PEM file, or of every `*.pem` in a folder, in the order in which they sign. Names that
 * start with a dot are passed over: Kubernetes has such beside the mounted files, and `npm run keys` while it writes.
 *
 * @throws through `refuse` where a name is unusable or nothing can be read
 */
export async function readKeyFiles (path: string, refuse: Refuse): Promise<KeyFile[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ name: '', pem: await readFile(path, 'utf8'), start: -Infinity }]
    const names = (await readdir(path)).filter(name => name.endsWith('.pem') && !name.startsWith('.'))
    const files = await Promise.all(names.map(async name => (
      { name, start: startOf(name, refuse), pem: await readFile(join(path, name), 'utf8') }
    )))
    if (files.length === 0) refuse('names a folder without a file whose name ends in .pem')
    const [, another] = files.filter(({ start }) => start === -Infinity)
    if (another === undefined) return files.sort((a, b) => a.start - b.start)
    return refuse('names a folder with two keys that sign from the beginning: name the newer one after the time from which it signs')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return refuse(`names a file or folder that cannot be read: ${code}`)
  }
}
