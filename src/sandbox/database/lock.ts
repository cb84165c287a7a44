import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** After a container restarts, this process can have the id of an earlier one that left a lock. That lock is older. */
function isHeldByThisProcess (file: string): boolean {
  const startedAt = Date.now() - process.uptime() * 1000
  return (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= startedAt
}

/**
 * Locks a folder with a file named after this process, and removes the files of processes that have ended. Each process
 * looks for others after it has written its own file, so of two that start at once, at most one gets the folder.
 *
 * @returns a function that releases the lock
 * @throws Error with the remedy if a running process holds the folder
 */
export function lockFolder (folder: string): () => void {
  const fileOf = (pid: number): string => join(folder, `lock.${pid}`)
  const refuse = (pid: number): never => {
    throw new Error(`The data folder ${folder} is in use by process ${pid}: stop it, or set SANDBOX_DATA_DIR to another `
      + `folder (if that process is not a sandbox, delete ${fileOf(pid)})`)
  }
  const mine = fileOf(process.pid)
  if (isHeldByThisProcess(mine)) refuse(process.pid)
  writeFileSync(mine, '')
  const release = (): void => { rmSync(mine) }
  for (const pid of readdirSync(folder).map(name => Number(/^lock\.(\d+)$/.exec(name)?.[1] ?? process.pid))) {
    if (pid === process.pid) continue
    if (isAlive(pid)) {
      release()
      refuse(pid)
    }
    rmSync(fileOf(pid), { force: true })
  }
  return release
}
