import { rmSync } from 'node:fs'
import { emptyData, preparedData } from './folders.ts'

for (const folder of [emptyData, preparedData]) rmSync(folder, { recursive: true, force: true })
