import { rmSync } from 'node:fs'
import { openDatabase } from '../src/sandbox/database.ts'
import { hasura, preparedData } from './sandbox.ts'

rmSync(preparedData, { recursive: true, force: true })
const { close } = await openDatabase(preparedData, hasura, () => { /* quiet */ })
await close()
