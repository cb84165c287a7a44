import { rmSync } from 'node:fs'
import { preparedData } from './sandbox.ts'

rmSync(preparedData, { recursive: true, force: true })
