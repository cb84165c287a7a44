import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function readOwner (file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Removes a lock whose owner is gone; two processes that do so at once do not remove each other's new one. */
function removeStale (file: string): void {
  const owner = readOwner(file)
  if (owner === undefined) return
  if (isAlive(owner)) throw new Error(`in use by process ${owner}`)
  const aside = `${file}.stale.${process.pid}`
  renameSync(file, aside)
  if (readOwner(aside) === owner) rmSync(aside)
  else renameSync(aside, file)
}

/**
 * Takes a lock file, which holds the process id of its owner. A stale one is taken over.
 *
 * @returns what gives the lock back
 * @throws Error "in use by process …" where its owner is running
 */
export function takeLock (file: string): () => void {
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    for (;;) {
      try {
        // Unlike a file that is opened and then written, a link appears with its content, and never over another's.
        linkSync(mine, file)
        return () => { rmSync(file) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      removeStale(file)
    }
  } finally {
    rmSync(mine)
  }
}
