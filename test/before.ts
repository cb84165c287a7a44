import { rmSync } from 'node:fs'
import { openDatabase } from '../src/sandbox/database.ts'
import { hasura, preparedData } from './sandbox.ts'

// Making a database takes seconds and much memory: it is made once, and every test copies it.
rmSync(preparedData, { recursive: true, force: true })
const { close } = await openDatabase(preparedData, hasura, () => { /* quiet */ })
await close()
