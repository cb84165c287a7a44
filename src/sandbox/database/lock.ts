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

/** After a container restarts, this process can have the id of an earlier one that left a lock. That lock is older. */
function isOfEarlierProcess (file: string, owner: number): boolean {
  const startedAt = Date.now() - process.uptime() * 1000
  return owner === process.pid && (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < startedAt
}

/** Removes a lock whose owner has ended. Two processes that do this at once do not remove each other's new lock. */
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
    // Between the check and the move, another process may have taken the lock over. Then it gets the lock back.
    if (readOwner(aside) !== owner) linkSync(aside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside)
  }
}

/** A running process holds the lock. */
export class LockedError extends Error {}

/**
 * Takes a lock file, which contains the process id of its owner. A lock whose owner has ended is taken over.
 *
 * @returns a function that releases the lock
 * @throws LockedError "in use by process …" if the owner is running
 */
export function takeLock (file: string): () => void {
  const mine = `${file}.${process.pid}`
  writeFileSync(mine, String(process.pid))
  try {
    for (;;) {
      try {
        // A link appears together with its content, unlike a file that is written, and never replaces another one.
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
