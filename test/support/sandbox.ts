import type { Test } from 'tap'
import type { Environment } from '../../src/config.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { dataFolder, hasura } from './folders.ts'
import { settings } from './service.ts'

export interface RequestOptions { variables?: object, headers?: Record<string, string> }

/** A request to a GraphQL API; the whole body of the answer. */
export async function request (
  url: string, query: string, { variables, headers }: RequestOptions = {}
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/v1/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables })
  })
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`)
  return await response.json() as Record<string, unknown>
}

/** A running sandbox on data of its own, and a shorthand for each kind of caller. */
export async function sandbox (t: Test, { env = {}, project = hasura }: { env?: Environment, project?: string } = {}) {
  const quiet = { SANDBOX_DATA_DIR: dataFolder(t), SANDBOX_PORT: '0', PORT: '0', LOG_LEVEL: 'silent' }
  const running = await startSandbox({
    env: { ...settings, ...quiet, ...env },
    log: (line) => { t.comment(line) },
    hasura: project
  })
  t.teardown(running.close)
  const admin = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  return {
    ...running,
    graphql: async (query: string, options?: RequestOptions) => request(running.hasuraUrl, query, options),
    /** As admin, or as another role with the session variables of the headers. */
    as: async (role: string, query: string, headers: Record<string, string> = {}) => (
      request(running.hasuraUrl, query, { headers: { ...admin, 'x-hasura-role': role, ...headers } })
    )
  }
}
