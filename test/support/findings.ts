import { doctor } from '../../src/cli/doctor/doctor.ts'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import type { Environment } from '../../src/config.ts'

/** Everything that the doctor finds. */
export async function findAll (env: Environment): Promise<Finding[]> {
  const all: Finding[] = []
  for await (const finding of doctor(env)) all.push(finding)
  return all
}
