import { cpSync, rmSync } from 'node:fs'
import { openDatabase } from '../../src/sandbox/database/database.ts'
import { emptyData, hasura, preparedData } from './folders.ts'

const prepare = async (folder: string, project: string): Promise<void> => {
  const { close } = await openDatabase({ SANDBOX_DATA_DIR: folder }, project, () => { /* quiet */ })
  await close()
}

for (const folder of [emptyData, preparedData]) rmSync(folder, { recursive: true, force: true })
await prepare(emptyData, 'no project')
cpSync(emptyData, preparedData, { recursive: true })
await prepare(preparedData, hasura)
