import { basename, join } from 'node:path'
import { withoutEmpty } from '../config.ts'
import type { Environment } from '../config.ts'

/** What the sandbox uses for variables that are not set. These secrets are public. */
export const developmentDefaults = {
  HASURA_GRAPHQL_ADMIN_SECRET: 'development-admin-secret',
  HASURA_GRAPHQL_JWT_SECRET: '{"type":"HS256","key":"development-key-of-at-least-32-bytes"}',
  HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'anonymous',
  HASURA_GRAPHQL_CORS_DOMAIN: '*',
  ACTION_SECRET: 'development-action-secret',
  LOG_LEVEL: 'warn',
  PORT: '3000',
  SANDBOX_PORT: '8080',
  SANDBOX_DATA_DIR: '.sandbox'
}

export type SandboxSettings = Environment & typeof developmentDefaults

/** Turns sessions on, with a public secret if the environment has none. */
export function withSessions (env: Environment): Environment {
  return { ...env, TOKEN_SECRET: env['TOKEN_SECRET'] || 'development-token-secret-of-32-characters' }
}

/** Adds the development defaults. An empty value counts as unset. Each project has a database of its own. */
export function settingsOf (env: Environment): SandboxSettings {
  const { SANDBOX_PROJECT: project } = env
  const data = project ? { SANDBOX_DATA_DIR: join(developmentDefaults.SANDBOX_DATA_DIR, 'projects', basename(project)) } : {}
  return { ...developmentDefaults, ...data, ...withoutEmpty(env) }
}

/** @throws Error if the variable is not a port number */
export function portOf (settings: SandboxSettings, variable: 'PORT' | 'SANDBOX_PORT'): number {
  const port = Number(settings[variable])
  if (/^\d{1,5}$/.test(settings[variable]) && port <= 65_535) return port
  throw new Error(`${variable} must be a port number, 0 to 65535; 0 takes a free one`)
}
