import { cpSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { introspect } from '../../../src/sandbox/introspect.ts'
import { onEachDatabase } from '../../support/databases.ts'
import { hasura, temporaryFolder } from '../../support/folders.ts'
import { sandbox } from '../../support/sandbox.ts'
import { failure, serverOf, settings } from '../../support/service.ts'

const declarations = `
type Mutation { Hook(text: String!, number: Int, list: [String!]): Output }
type Mutation { Strict: Output! }
type Mutation { Many: [Output!] }
type Mutation { Forwarding: Output }
type Mutation { Slow: Output }
type Mutation { Typed(at: [timestamptz!]): Typed }
type Output { id: Int! text: String }
type Typed { key: uuid! at: timestamptz }
`
const entry = (name: string, more = ''): string => `
  - name: ${name}
    definition:
      handler: '{{HOOK_URL}}/hook?x=1'
      headers:
        - { name: x-hasura-action-secret, value_from_env: HOOK_SECRET }
        - { name: Authorization, value: configured }
${more}
    permissions: [{ role: user }]`

/** The project with a few actions in place of its own. */
function projectWithHooks (t: Test): string {
  const project = temporaryFolder(t)
  cpSync(hasura, project, { recursive: true })
  writeFileSync(join(project, 'metadata/actions.graphql'), declarations)
  writeFileSync(join(project, 'metadata/actions.yaml'), [
    'actions:', entry('Hook'), entry('Strict'), entry('Many'),
    entry('Forwarding', '      forward_client_headers: true'), entry('Slow', '      timeout: 1'), entry('Typed'),
    'custom_types: { objects: [{ name: Output }, { name: Typed }] }'
  ].join('\n'))
  return project
}

interface Received { method: string | undefined, url: string | undefined, headers: IncomingHttpHeaders, body: unknown }

onEachDatabase('an action of the sandbox', async (t, database) => {
  const received: Received[] = []
  let answer = (response: ServerResponse): void => { response.end('{"id":1}') }
  const hook = await serverOf(t, (request, response) => {
    void json(request).then((body) => {
      received.push({ method: request.method, url: request.url, headers: request.headers, body })
      answer(response)
    })
  })
  const { as, graphql, hasuraUrl } = await sandbox(t, {
    database,
    project: projectWithHooks(t), env: { HOOK_URL: hook, HOOK_SECRET: 'secret-of-the-hook' }
  })
  const respond = (status: number, body: string, headers: Record<string, string | string[]> = {}): void => {
    answer = (response) => { response.writeHead(status, headers).end(body) }
  }
  const user = async (query: string) => as('user', query, { 'X-Hasura-User-Id': '7' })
  const call = 'mutation { Hook(text: "a") { id } }'

  t.test('has PostgreSQL\'s types without declaring them, the tables\' own ones', async (t) => {
    respond(200, '{"key":"a","at":"b"}')
    t.strictSame(await user('mutation { Typed(at: "c") { key at } }'), { data: { Typed: { key: 'a', at: 'b' } } })
    t.match(received.splice(0), [{ body: { input: { at: ['c'] } } }])
    const schema = await introspect(hasuraUrl, settings.HASURA_GRAPHQL_ADMIN_SECRET)
    t.match(schema, /^type Typed \{\n {2}at: timestamptz\n {2}key: uuid!\n\}$/m)
    t.match(schema, 'Typed(at: [timestamptz!]): Typed\n')
    t.match(schema, '  created_at: timestamptz!\n')
  })

  t.test('calls the webhook with Hasura\'s request', async (t) => {
    const query = 'mutation ($text: String!) { renamed: Hook(text: $text, number: 7, list: ["x"]) { __typename id text } }'
    respond(200, '{"id":1,"extra":true}', { 'content-type': 'text/plain' })
    t.strictSame(await graphql(query, {
      variables: { text: 'ä' },
      headers: {
        'x-hasura-admin-secret': 'admin-secret-of-the-tests',
        'x-hasura-role': 'user',
        'X-Hasura-User-Id': '7',
        'authorization': 'Bearer x',
        'x-client': 'yes'
      }
    }), { data: { renamed: { __typename: 'Output', id: 1, text: null } } })

    const [{ method, url, headers, body } = { headers: {} as IncomingHttpHeaders }] = received.splice(0)
    t.strictSame({ method, url, body }, {
      method: 'POST',
      url: '/hook?x=1',
      body: {
        action: { name: 'Hook' },
        input: { text: 'ä', number: 7, list: ['x'] },
        session_variables: { 'x-hasura-role': 'user', 'x-hasura-user-id': '7' },
        request_query: query
      }
    })
    t.strictSame(Object.keys(headers).sort(), [
      'accept-encoding', 'authorization', 'connection', 'content-length', 'content-type', 'host', 'traceparent',
      'user-agent', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid', 'x-hasura-action-secret'
    ])
    t.match(headers, {
      'accept-encoding': 'gzip',
      'authorization': 'configured',
      'content-type': 'application/json',
      'user-agent': /^hasura-graphql-engine\/v2/,
      'x-hasura-action-secret': 'secret-of-the-hook',
      'traceparent': /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/
    })
    await user('mutation { Strict { id } }')
    t.match(received.splice(0), [{ body: { input: {} } }])
  })

  t.test('forwards client headers where it says so, and lets them win as Hasura does', async (t) => {
    await as('user', 'mutation { Forwarding { id } }', {
      'authorization': 'the client\'s', 'x-hasura-action-secret': 'forged', 'x-client': 'yes', 'cookie': 'a=b',
      'user-agent': 'browser', 'origin': 'http://app', 'accept-language': 'de', 'x-forwarded-for': '1.2.3.4'
    })
    const [{ headers } = { headers: {} as IncomingHttpHeaders }] = received.splice(0)
    t.match(headers, {
      'authorization': 'the client\'s',
      'x-hasura-action-secret': 'secret-of-the-hook',
      'x-client': 'yes',
      'cookie': 'a=b',
      'x-forwarded-user-agent': 'browser',
      'x-forwarded-origin': 'http://app',
      'x-forwarded-host': /^127\.0\.0\.1/,
      'x-forwarded-for': '1.2.3.4',
      'user-agent': /^hasura/
    })
    t.notOk(Object.keys(headers).some(name => ['accept-language', 'origin', 'x-hasura-role', 'accept'].includes(name)))
  })

  t.test('hands on what the webhook answers, or says what is wrong with it', async (t) => {
    const error = (extensions: object, message = 'M') => ({ errors: [{ message, extensions }] })
    const unexpected = (message: string) => ({ errors: [failure('unexpected', message)] })
    const parsing = 'parsing Hasura.GraphQL.Execute.Action.Types.ActionWebhookErrorResponse(ActionWebhookErrorResponse) failed'
    const notJson = unexpected('not a valid json response from webhook')
    const got = (what: string) => unexpected(`got ${what} for the action webhook response, expecting Output`)
    const strict = 'mutation { Strict { id } }'
    const many = 'mutation { Many { id text } }'
    const table: Array<[number, string, object, string?]> = [
      [400, '{"message":"M"}', error({ path: '$', code: 'unexpected' })],
      [401, '{"message":"M","code":"C"}', error({ path: '$', code: 'C' })],
      [400, '{"message":"M","extensions":{"foo":"bar"}}', error({ foo: 'bar' })],
      [499, '{"message":"M","code":"C","extensions":{"foo":"bar"}}', error({ foo: 'bar' })],
      [400, '{"message":"M","code":"C","extensions":{"foo":"bar","code":"X"}}', error({ foo: 'bar', code: 'X' })],
      [400, '{"message":"M","extensions":{}}', error({})],
      [400, '{"message":"M","code":null,"extensions":null}', error({ path: '$', code: 'unexpected' })],
      [400, '{"error":"M"}', error({ path: '$', code: 'parse-failed' }, `${parsing}, key "message" not found`)],
      [400, '[]', error({ path: '$', code: 'parse-failed' }, `${parsing}, expected Object, but encountered Array`)],
      [400, '{"message":1}', error({ path: '$.message', code: 'parse-failed' },
        'parsing Text failed, expected String, but encountered Number')],
      [400, '{"message":"M","code":409}', error({ path: '$.code', code: 'parse-failed' },
        'parsing Text failed, expected String, but encountered Number')],
      [400, 'Bad Request', notJson],
      [200, '<html>', notJson],
      [204, '', notJson],
      [500, '<html>', notJson],
      [500, '{"message":"M"}', unexpected('internal error')],
      [302, '{"id":1}', unexpected('internal error')],
      [200, 'null', { data: { Hook: null } }],
      [200, 'null', unexpected('got null for the action webhook response'), strict],
      [200, '[]', got('array')],
      [200, '"x"', got('scalar String')],
      [200, '1', got('scalar String')],
      [200, '{}', unexpected('field "id" expected in webhook response, but not found')],
      [200, '{"id":null}', unexpected('expecting not null value for field "id"')],
      [200, '{"text":"x"}', unexpected('field "id" expected in webhook response, but not found'),
        'mutation { Hook(text: "a") { text } }'],
      [200, '{"id":"abc","text":{"a":1}}', { data: { Hook: { id: 'abc', text: { a: 1 } } } },
        'mutation { Hook(text: "a") { id text } }'],
      [200, '{"id":1}', unexpected('expecting array for the action webhook response'), many],
      [200, '[{"id":1},{"id":2,"text":"x"}]', { data: { Many: [{ id: 1, text: null }, { id: 2, text: 'x' }] } }, many]
    ]
    for (const [status, body, expected, query = call] of table) {
      respond(status, body)
      t.strictSame(await user(query), expected, `${status} ${body}`)
    }
  })

  t.test('a webhook that does not answer, or too late, is an http exception', async (t) => {
    const exception = (message: string) => ({
      errors: [{
        message: 'http exception when calling webhook',
        extensions: {
          path: '$', code: 'unexpected', internal: { error: { type: 'http_exception', message }, response: null }
        }
      }]
    })
    answer = (response) => { response.destroy() }
    t.match(await as('admin', call), exception('No response data received'))
    t.strictSame(await user(call), { errors: [failure('unexpected', 'http exception when calling webhook')] })
    answer = () => { /* never */ }
    t.match(await as('admin', 'mutation { Slow { id } }'), exception('Response timeout'))
  })

  t.test('the administrator, and nobody else, is told what went wrong inside', async (t) => {
    respond(503, '{"why":"x"}', { 'content-type': 'application/json' })
    t.strictSame(await user(call), { errors: [failure('unexpected', 'internal error')] })
    const { errors: [{ extensions }] } = await as('admin', call) as { errors: [{ extensions: { internal: object } }] }
    t.match(extensions.internal, {
      error: 'expecting 2xx or 4xx status code, but found 503',
      request: {
        url: '{{HOOK_URL}}/hook?x=1',
        body: { action: { name: 'Hook' }, input: { text: 'a' }, session_variables: { 'x-hasura-role': 'admin' } },
        headers: [{ name: 'x-hasura-action-secret', value_from_env: 'HOOK_SECRET' }, { name: 'Authorization' }],
        transformed_request: null
      },
      response: { status: 503, body: { why: 'x' } }
    })
    t.notMatch(JSON.stringify(extensions), 'secret-of-the-hook')
  })

  t.test('cookies reach the client, and a compressed answer is read', async (t) => {
    answer = (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'set-cookie': ['a=1', 'b=2'], 'x-other': 'no' })
      response.end(gzipSync('{"id":5}'))
    }
    const response = await fetch(`${hasuraUrl}/v1/graphql`, {
      method: 'POST',
      headers: { 'x-hasura-admin-secret': 'admin-secret-of-the-tests' },
      body: JSON.stringify({ query: call })
    })
    t.strictSame(response.headers.getSetCookie(), ['a=1', 'b=2'])
    t.notOk(response.headers.has('x-other'))
    t.strictSame(await response.json(), { data: { Hook: { id: 5 } } })
  })

  t.test('a role without the permission does not see the action', async (t) => {
    t.strictSame(await as('anonymous', call), { errors: [failure('validation-failed', 'no mutations exist')] })
  })
})

t.test('nothing at the other end is a connection failure', async (t) => {
  const { as } = await sandbox(t, {
    project: projectWithHooks(t), env: { HOOK_URL: 'http://127.0.0.1:1', HOOK_SECRET: 'secret-of-the-hook' }
  })
  t.match(await as('admin', 'mutation { Hook(text: "a") { id } }'), {
    errors: [{
      message: 'http exception when calling webhook',
      extensions: {
        internal: {
          error: { message: 'Connection failure', request: { host: '127.0.0.1', port: 1, secure: false, path: '/hook' } }
        }
      }
    }]
  })
})

t.test('a variable that Hasura would miss stops the start', async (t) => {
  await t.rejects(sandbox(t, { project: projectWithHooks(t), env: { HOOK_URL: 'http://127.0.0.1:1' } }),
    { message: 'The action Hook needs the environment variable HOOK_SECRET' })
})
