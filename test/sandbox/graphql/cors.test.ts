import t from 'tap'
import { sandbox } from '../../support/sandbox.ts'

const corsHeaders = ['origin', 'credentials', 'methods', 'headers', 'max-age'].map(name => `access-control-allow-${name}`)

/** The CORS headers of an answer. */
function corsOf ({ headers }: Response): Record<string, string> {
  const names = [...corsHeaders, 'access-control-max-age'].filter(name => headers.has(name))
  return Object.fromEntries(names.map(name => [name.replace(/^access-control-(?:allow-)?/, ''), String(headers.get(name))]))
}

async function preflight (url: string, origin: string): Promise<Response> {
  return fetch(`${url}/v1/graphql`, {
    method: 'OPTIONS',
    headers: {
      'origin': origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-hasura-role'
    }
  })
}

async function query (url: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/v1/graphql`, { method: 'POST', headers, body: '{"query":"{ __typename }"}' })
}

t.test('every origin may use the API, with credentials', async (t) => {
  const { hasuraUrl } = await sandbox(t)
  const response = await preflight(hasuraUrl, 'https://app.example')
  t.equal(response.status, 204)
  t.strictSame(corsOf(response), {
    'origin': 'https://app.example',
    'credentials': 'true',
    'methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
    'headers': 'authorization,content-type,x-hasura-role',
    'max-age': '1728000'
  })
  const allowed = { origin: 'http://localhost:5173', credentials: 'true' }
  t.match(corsOf(await query(hasuraUrl, { origin: 'http://localhost:5173' })), allowed)
  t.match(corsOf(await query(hasuraUrl, { 'origin': 'http://localhost:5173', 'x-hasura-admin-secret': 'no' })), allowed, 'an error')
  t.match(corsOf(await fetch(`${hasuraUrl}/v1/version`, { headers: { origin: 'http://localhost:5173' } })), allowed)
})

t.test('HASURA_GRAPHQL_CORS_DOMAIN restricts the origins', async (t) => {
  const { hasuraUrl } = await sandbox(t, { env: { HASURA_GRAPHQL_CORS_DOMAIN: 'https://*.app.example:8443, http://localhost:5173' } })
  for (const [origin, isAllowed] of [
    ['http://localhost:5173', true], ['https://my.app.example:8443', true], ['http://localhost:3000', false],
    ['https://app.example:8443', false], ['https://a.b.app.example:8443', false], ['https://my.app.example', false],
    ['https://evil.test/.app.example:8443', false], ['http://localhost:51730', false]
  ] as const) {
    const expected = isAllowed ? origin : undefined
    t.equal(corsOf(await preflight(hasuraUrl, origin)).origin, expected, `preflight from ${origin}`)
    const response = await query(hasuraUrl, { origin })
    t.equal(corsOf(response).origin, expected, origin)
    t.strictSame(await response.json(), { data: { __typename: 'query_root' } }, 'CORS protects the browser, not the API')
  }
})
