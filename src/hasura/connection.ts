import { Pool } from 'undici'
import { refuseVariable } from '../config.ts'
import type { Config, Refuse } from '../config.ts'
import { readAnswer } from './answer.ts'

declare module 'fastify' {
  interface ParsedVariables {
    HASURA_GRAPHQL_ENDPOINT: URL
  }
}

const refuse: Refuse = refuseVariable('HASURA_GRAPHQL_ENDPOINT')

/**
 * Parses `HASURA_GRAPHQL_ENDPOINT`, the base URL of Hasura.
 *
 * @throws ConfigError if it is unusable
 */
export function parseEndpoint (endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return refuse('is not an http or https URL: use one such as http://localhost:8080')
  }
  if (url.username + url.password !== '') {
    refuse('contains a user name or a password: remove them, since Hasura checks HASURA_GRAPHQL_ADMIN_SECRET')
  }
  if (url.search + url.hash !== '') refuse('contains a query or a fragment: remove everything from the ? or # on')
  if (/\/v1\/graphql\/*$/.test(url.pathname)) refuse('must be the base URL: remove /v1/graphql from its end')
  return url
}

/** The largest answer that is read, in bytes. The service's own operations get answers a thousand times smaller. */
const maxAnswerBytes = 1_048_576

/** More connections than this would only queue in Hasura, whose own pool has 50 connections to PostgreSQL. */
const maxConnections = 64

export interface Connection {
  /**
   * Posts a GraphQL request with the admin secret.
   *
   * @param signal - limits the whole request
   * @returns the answer's `data`
   * @throws HasuraError or Error, see `readAnswer`; undici's errors
   */
  send: (body: string, headers: Record<string, string>, signal: AbortSignal) => Promise<unknown>
  close: () => Promise<void>
}

/** Opens a pool of kept-alive connections to Hasura at its base URL. */
export function openConnection (url: URL, config: Config): Connection {
  const path = `${url.pathname.replace(/\/+$/, '')}/v1/graphql`
  const ownHeaders = {
    'content-type': 'application/json', 'x-hasura-admin-secret': config.HASURA_GRAPHQL_ADMIN_SECRET
  }
  const milliseconds = config.HASURA_TIMEOUT_SECONDS * 1000
  const pool = new Pool(url.origin, {
    connections: maxConnections,
    connect: {
      // Half of the time, so that a second try fits.
      timeout: milliseconds / 2,
      autoSelectFamily: true,
      // Node.js waits this long for one address before it tries the next (RFC 8305). Its default of 250 ms abandons a
      // slow address, although the others may be dead.
      autoSelectFamilyAttemptTimeout: Math.max(milliseconds / 8, Math.min(milliseconds / 4, 500))
    },
    // The caller's signal limits these, too.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: maxAnswerBytes
  })
  return {
    async send (body, headers, signal) {
      const response = await pool.request({ method: 'POST', path, headers: { ...ownHeaders, ...headers }, body, signal })
      return readAnswer(response.statusCode, await response.body.text())
    },
    close: async () => pool.destroy()
  }
}
