import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'

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

/** A lock of this process's own id that is older than the process is another's, from before a container's restart. */
function isOfEarlierProcess (file: string, owner: number): boolean {
  const startedAt = Date.now() - process.uptime() * 1000
  return owner === process.pid && (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < startedAt
}

/** Removes a lock whose owner is gone; two processes that do so at once do not remove each other's new one. */
function removeStale (file: string): void {
  const owner = readOwner(file)
  if (owner === undefined) return
  if (isAlive(owner) && !isOfEarlierProcess(file, owner)) throw new LockedError(`in use by process ${owner}`)
  const aside = `${file}.stale.${process.pid}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    // Between the look and the move another process may have taken the lock over: that one gets it back.
    if (readOwner(aside) !== owner) linkSync(aside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside)
  }
}

/** The lock is another's. */
export class LockedError extends Error {}

/**
 * Takes a lock file, which holds the process id of its owner. A stale one is taken over.
 *
 * @returns what gives the lock back
 * @throws LockedError "in use by process …" where its owner is running
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
