import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { actionSecret } from './attempts.ts'
import type { Cost } from './benchmark.ts'
import { freePort, startHelper, startServer } from './processes.ts'
import type { Server } from './processes.ts'

/** The built entry, whose imports tell which packages the service loads. */
export const entry = resolve('dist/server.js')

/** How production starts the service. */
export const startCommand = [process.execPath, entry]

/** Makes the production build; a smoke run does not check its types. */
export function build (quick: boolean): void {
  const args = ['tsc', '-p', 'tsconfig.build.json', ...quick ? ['--noCheck'] : []]
  const { status } = spawnSync('npx', args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('the build failed')
}

/** What the service, and the one written with Flask, is told. */
export function settings (hasura: string, cost: Cost): Record<string, string> {
  return {
    HASURA_GRAPHQL_ENDPOINT: hasura,
    HASURA_GRAPHQL_ADMIN_SECRET: 'admin-secret-of-the-bench',
    HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"a-key-of-the-bench-of-at-least-32-bytes"}',
    ACTION_SECRET: actionSecret,
    ARGON2_MEMORY_KIB: String(cost.memoryCost),
    ARGON2_PASSES: String(cost.timeCost),
    ARGON2_LANES: String(cost.parallelism)
  }
}

export interface Service extends Server { metricsUrl: string }

/** Starts the production build, its log going to a file. */
export async function startService (hasura: string, cost: Cost, env: Record<string, string> = {}): Promise<Service> {
  const [port, metricsPort] = [await freePort(), await freePort()]
  const all = { ...settings(hasura, cost), PORT: String(port), METRICS_PORT: String(metricsPort), ...env }
  const server = await startServer(startCommand, all, port, '/healthz')
  return { ...server, metricsUrl: `http://127.0.0.1:${metricsPort}/metrics` }
}

/** Starts one of the servers beside this one that do only what cannot be left out. */
export async function startBare (name: string, env: Record<string, string> = {}): Promise<Server> {
  const port = await freePort()
  const command = [process.execPath, join(import.meta.dirname, name)]
  return startServer(command, { ...env, PORT: String(port) }, port, '/healthz')
}

/** Starts a stand-in for Hasura whose users have hashes of this cost, and returns its URL. */
export async function startHasura (cost: Cost): Promise<string> {
  const { ready } = await startHelper('stand-in.js', cost)
  return String(ready)
}
