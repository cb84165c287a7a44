import { ConfigError } from '../config.ts'
import type { Environment } from '../config.ts'
import { maxWorkBytes } from './stored-hash.ts'

/** Memory in KiB, passes and lanes, by the names that the library gives them. */
export interface Argon2Parameters { memoryCost: number, timeCost: number, parallelism: number }

declare module 'fastify' {
  interface ParsedVariables {
    ARGON2_MEMORY_KIB: Argon2Parameters
  }
}

/** The largest product of KiB and passes. The service verifies no stored hash above it, so it must make none. */
export const maxKibTimesPasses = maxWorkBytes / 1024

/**
 * Parses `ARGON2_MEMORY_KIB` together with `ARGON2_PASSES` and `ARGON2_LANES`.
 *
 * @throws ConfigError if their combination is unusable; values that the schema refuses are skipped
 */
export function parseArgon2Parameters (memory: string, env: Environment): Argon2Parameters {
  const memoryCost = Number(memory)
  const timeCost = Number(env['ARGON2_PASSES'])
  const parallelism = Number(env['ARGON2_LANES'])
  if (memoryCost < 8 * parallelism) {
    throw new ConfigError('ARGON2_MEMORY_KIB', 'is too small: Argon2 needs at least 8 KiB for each of ARGON2_LANES')
  }
  if (memoryCost * timeCost > maxKibTimesPasses) {
    throw new ConfigError(
      'ARGON2_PASSES', `is too large: ARGON2_MEMORY_KIB times ARGON2_PASSES must not exceed ${maxKibTimesPasses}`
    )
  }
  return { memoryCost, timeCost, parallelism }
}
