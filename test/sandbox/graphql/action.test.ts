import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import { introspect } from '../../../src/cli/pull-schema/introspect.ts'
import { onEachDatabase } from '../../support/databases.ts'
import { projectWith } from '../../support/project.ts'
import { sandbox } from '../../support/sandbox.ts'
import { failure, serverOf, settings } from '../../support/service.ts'

const admin = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
const graphql = `
type Mutation { Hook(text: String!, number: Int, list: [String!]): Output }
type Mutation { Strict: Output! }
type Mutation { Many: [Output!] }
type Mutation { Forwarding: Output }
type Mutation { Choosing: Output }
type Mutation { Unchunked: Output }
type Mutation { Slow: Output }
type Mutation { Typed(at: [timestamptz!]): Typed }
type Query { Find(id: Int!): Output }
type Query { Nested: Nested! }
type Mutation { Inputs(float: Float, id: ID, flag: Boolean, colour: Colour, filter: Filter, filters: [Filter!]!, any: jsonb): Output }
type Mutation { Lists(texts: [String], numbers: [Int]!, rows: [[Int!]], colours: [Colour], anys: [jsonb], lists: [Nullable]): Output }
type Output { id: Int! text: String }
type Typed { key: uuid! at: timestamptz }
type Nested { id: Int! output: Output! outputs: [Output!]! scores: [Float!] colour: Colour }
enum Colour { RED GREEN }
input Filter { name: String! colour: Colour and: [Filter!] }
input Nullable { texts: [String] lists: [Nullable] }
`
const entry = (name: string, more = ''): string => `
  - name: ${name}
    definition:
      kind: ''
      handler: '{{HOOK_URL}}/hook?x=1'
      headers:
        - { name: x-hasura-action-secret, value_from_env: HOOK_SECRET }
        - { name: Authorization, value: configured }
${more}
    permissions: [{ role: user }]`

const forwarding = '      forward_client_headers: true'
const yaml = [
  'actions:', ...['Hook', 'Strict', 'Many', 'Typed', 'Find', 'Nested', 'Inputs', 'Lists'].map(name => entry(name)),
  entry('Slow', '      timeout: 1'), entry('Forwarding', forwarding),
  entry('Choosing', `${forwarding}\n      ignored_client_headers: [X-Client]`),
  entry('Unchunked', `${forwarding}\n      ignored_client_headers: [X-Client, transfer-encoding]`),
  'custom_types:',
  '  enums: [{ name: Colour }]',
  '  input_objects: [{ name: Filter }, { name: Nullable }]',
  '  objects: [{ name: Output }, { name: Typed }, { name: Nested }]'
].join('\n')

/** The project with actions that call one webhook, in place of its own. */
function projectWithHooks (t: Test): string {
  return projectWith(t, { actions: { graphql, yaml } })
}

interface Received { method: string | undefined, url: string | undefined, headers: IncomingHttpHeaders, body: unknown }

onEachDatabase('actions', async (t, database) => {
  const received: Received[] = []
  let answer = (response: ServerResponse): void => { response.end('{"id":1}') }
  const hook = await serverOf(t, (request, response) => {
    void json(request).then((body) => {
      received.push({ method: request.method, url: request.url, headers: request.headers, body })
      answer(response)
    })
  })
  const { as, graphql, hasuraUrl } = await sandbox(t, {
    database, project: projectWithHooks(t), env: { HOOK_URL: hook, HOOK_SECRET: 'secret-of-the-hook' }
  })
  const respond = (status: number, body: string, headers: Record<string, string | string[]> = {}): void => {
    answer = (response) => { response.writeHead(status, headers).end(body) }
  }
  const user = async (query: string) => as('user', query, { 'X-Hasura-User-Id': '7' })
  const call = 'mutation { Hook(text: "a") { id } }'

  t.test('use PostgreSQL\'s types without declaring them', async (t) => {
    respond(200, '{"key":"a","at":"b"}')
    t.strictSame(await user('mutation { Typed(at: "c") { key at } }'), { data: { Typed: { key: 'a', at: 'b' } } })
    t.match(received.splice(0), [{ body: { input: { at: ['c'] } } }])
    const schema = await introspect(hasuraUrl, settings.HASURA_GRAPHQL_ADMIN_SECRET)
    t.match(schema, /^type Typed \{\n {2}at: timestamptz\n {2}key: uuid!\n\}$/m)
    t.match(schema, 'Typed(at: [timestamptz!]): Typed\n')
    t.match(schema, '  created_at: timestamptz!\n')
  })

  t.test('call the webhook with Hasura\'s request', async (t) => {
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

  t.test('forward client headers if they are configured to, and these win over configured ones', async (t) => {
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

  t.test('can replace the list of client headers that are not forwarded', async (t) => {
    await as('user', 'mutation { Choosing { id } }', {
      'x-client': 'yes', 'x-hasura-action-secret': 'forged', 'user-agent': 'browser', 'accept-language': 'de'
    })
    const [{ headers } = { headers: {} as IncomingHttpHeaders }] = received.splice(0)
    t.match(headers, {
      'user-agent': 'browser', 'accept-language': 'de', 'x-hasura-action-secret': 'secret-of-the-hook'
    })
    t.notOk('x-client' in headers)
  })

  /** Sends the body in two parts. It is chunked unless there is a Content-Length. */
  const sendInParts = async (query: string, headers: Record<string, string>): Promise<unknown> => {
    const body = JSON.stringify({ query }).padEnd(64)
    const sent = { ...admin, 'x-client': 'yes', ...headers }
    const client = request(`${hasuraUrl}/v1/graphql`, { method: 'POST', headers: sent })
    const response = once(client, 'response')
    if ('expect' in headers) await once(client, 'continue')
    client.write(body.slice(0, 9))
    client.end(body.slice(9))
    const [message] = await response as [IncomingMessage]
    return json(message)
  }

  t.test('forward the headers of a client\'s connection only if their own request has none of that name', async (t) => {
    const sized = { 'content-length': '64' }
    const table: Array<[sent: Record<string, string>, forwarded: Record<string, string>]> = [
      [sized, {}],
      [{ ...sized, expect: '100-continue' }, { expect: '100-continue' }],
      [{ ...sized, connection: 'close' }, {}],
      [{ ...sized, 'connection': 'x-client, keep-alive', 'keep-alive': 'timeout=5' }, { 'keep-alive': 'timeout=5' }],
      [{ ...sized, connection: 'upgrade', upgrade: 'h2c' }, { upgrade: 'h2c' }]
    ]
    for (const action of ['Forwarding', 'Choosing', 'Unchunked']) {
      for (const [headers, forwarded] of table) {
        const title = `${action} ${JSON.stringify(headers)}`
        t.strictSame(await sendInParts(`mutation { ${action} { id } }`, headers), { data: { [action]: { id: 1 } } }, title)
        const [{ headers: sent, body } = { headers: {} as IncomingHttpHeaders }] = received.splice(0)
        t.equal(sent.host, new URL(hook).host, title)
        t.equal(sent['content-length'], String(JSON.stringify(body).length), title)
        t.match(sent, { 'connection': 'keep-alive', 'x-hasura-action-secret': 'secret-of-the-hook' }, title)
        const others = ['expect', 'keep-alive', 'transfer-encoding', 'upgrade']
        const found = Object.entries(sent).filter(([name]) => others.includes(name))
        t.strictSame(Object.fromEntries(found), forwarded, title)
      }
    }
  })

  t.test('forward Transfer-Encoding beside Content-Length, which Node.js refuses, unless the list contains it', async (t) => {
    const refused = { errors: [failure('unexpected', 'not a valid json response from webhook')] }
    for (const [action, expected] of [
      ['Forwarding', refused], ['Choosing', refused], ['Unchunked', { data: { Unchunked: { id: 1 } } }],
      ['Hook(text: "a")', { data: { Hook: { id: 1 } } }]
    ] as const) {
      t.match(await sendInParts(`mutation { ${action} { id } }`, {}), expected, action)
    }
    t.equal(received.splice(0).length, 2)
  })

  t.test('leave out optional arguments that are not given, and pass null on', async (t) => {
    respond(200, '{"id":1}')
    const inputs: Array<[args: string, input: object]> = [
      ['filters: []', { filters: [] }],
      ['filters: { name: "a" }', { filters: [{ name: 'a' }] }],
      ['filters: [], float: null, filter: null, any: null', { filters: [], float: null, filter: null, any: null }],
      ['filters: [], float: 1, id: 7, flag: false, colour: GREEN', { filters: [], float: 1, id: '7', flag: false, colour: 'GREEN' }],
      ['filters: [], float: 1.5, id: "x"', { filters: [], float: 1.5, id: 'x' }],
      ['filters: [{ name: "a", colour: RED, and: [{ name: "b" }] }]', { filters: [{ name: 'a', colour: 'RED', and: [{ name: 'b' }] }] }],
      ['filters: [], any: { a: [1, "x", true, null, enum] }', { filters: [], any: { a: [1, 'x', true, null, 'enum'] } }]
    ]
    for (const [args, input] of inputs) {
      t.strictSame(await user(`mutation { Inputs(${args}) { id } }`), { data: { Inputs: { id: 1 } } }, args)
      t.strictSame(received.splice(0).map(({ body }) => (body as { input: object }).input), [input], args)
    }
  })

  t.test('pass on null in a list only if its elements are nullable', async (t) => {
    const inputs: Array<[args: string, input: object]> = [
      ['texts: ["a", null], numbers: [1, null]', { texts: ['a', null], numbers: [1, null] }],
      ['texts: null, numbers: []', { texts: null, numbers: [] }],
      ['numbers: 1, rows: [[1], null, []]', { numbers: [1], rows: [[1], null, []] }],
      ['numbers: [], colours: [RED, null], anys: [null, 1]', { numbers: [], colours: ['RED', null], anys: [null, 1] }],
      ['numbers: [], lists: [null, { texts: [null], lists: [null, { texts: null }] }]',
        { numbers: [], lists: [null, { texts: [null], lists: [null, { texts: null }] }] }]
    ]
    for (const [args, input] of inputs) {
      t.strictSame(await user(`mutation { Lists(${args}) { id } }`), { data: { Lists: { id: 1 } } }, args)
      t.strictSame(received.splice(0).map(({ body }) => (body as { input: object }).input), [input], args)
    }
    const query = `mutation ($texts: [String], $rows: [[Int!]], $text: String, $lists: [Nullable]) {
      a: Lists(texts: $texts, numbers: [], rows: $rows, lists: $lists) { id }
      b: Lists(texts: [$text], numbers: []) { id }
    }`
    const variables = { texts: [null, 'a'], rows: [null, [1]], text: null, lists: [null, { texts: [null] }] }
    t.strictSame(await graphql(query, { variables, headers: admin }), { data: { a: { id: 1 }, b: { id: 1 } } })
    const { text, ...lists } = variables
    t.strictSame(received.splice(0).map(({ body }) => (body as { input: object }).input),
      [{ ...lists, numbers: [] }, { texts: [text], numbers: [] }])
    t.match(await user('mutation { Lists(numbers: [], rows: [[1, null]]) { id } }'), {
      errors: [{ message: 'expected a 32-bit integer for type \'Int\', but found null' }]
    })
  })

  t.test('refuse arguments with Hasura\'s messages', async (t) => {
    const mistakes: Array<[args: string, message: string, path: string]> = [
      ['', 'missing required field \'filters\'', '.filters'],
      ['filters: null', 'expected a list, but found null', '.filters'],
      ['filters: [null]', 'expected an object for type \'Filter\', but found null', '.filters[0]'],
      ['filters: [{}]', 'missing required field \'name\'', '.filters[0].name'],
      ['filters: [{ name: "a", bogus: 1 }]', 'field \'bogus\' not found in type: \'Filter\'', '.filters[0].bogus'],
      ['filters: [], colour: BLUE',
        'expected one of the values [\'RED\', \'GREEN\'] for type \'Colour\', but found \'BLUE\'', '.colour'],
      ['filters: [], flag: "true"', 'expected a boolean for type \'Boolean\', but found a string', '.flag'],
      ['filters: [], float: "1"', 'expected a float for type \'Float\', but found a string', '.float'],
      ['filters: [], id: 1.5', 'expected a String or a 32-bit integer for type \'ID\', but found a float', '.id']
    ]
    for (const [args, message, path] of mistakes) {
      t.strictSame(await user(`mutation { Inputs${args && `(${args})`} { id } }`), {
        errors: [{ message, extensions: { path: `$.selectionSet.Inputs.args${path}`, code: 'validation-failed' } }]
      }, args)
    }
    t.strictSame(received, [])
  })

  t.test('can be queries and answer nested objects', async (t) => {
    respond(200, '{"id":1}')
    t.strictSame(await user('{ a: Find(id: 1) { id } note: __typename Find(id: 2) { text } }'),
      { data: { a: { id: 1 }, note: 'query_root', Find: { text: null } } })
    t.match(received.splice(0), [{ body: { input: { id: 1 } } }, { body: { input: { id: 2 } } }])
    t.match(await user('mutation { Find(id: 1) { id } }'), { errors: [{ message: 'field \'Find\' not found in type: \'mutation_root\'' }] })

    const selection = '{ Nested { id o: output { __typename text } outputs { id } scores colour } }'
    // Hasura checks only the outer object.
    respond(200, '{"id":12345678901234567890,"output":{"text":"x","more":1},"outputs":[{"id":"y"},{}],"scores":[1.50],"colour":"BLUE"}')
    const response = await fetch(`${hasuraUrl}/v1/graphql`, {
      method: 'POST',
      headers: admin,
      body: JSON.stringify({ query: selection })
    })
    t.equal(await response.text(), '{"data":{"Nested":{"id":12345678901234567890,"o":{"__typename":"Output","text":"x"},'
    + '"outputs":[{"id":"y"},{"id":null}],"scores":[1.50],"colour":"BLUE"}}}')
    respond(200, '{"id":1,"outputs":[]}')
    t.strictSame(await user(selection), { errors: [failure('unexpected', 'field "output" expected in webhook response, but not found')] })
    received.splice(0)
  })

  t.test('return the webhook\'s answer, or an error that describes its fault', async (t) => {
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

  t.test('report an http exception if the webhook does not answer in time', async (t) => {
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

  t.test('show internal errors only to the administrator', async (t) => {
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

  t.test('relay cookies of a mutation that succeeds, and read a compressed answer', async (t) => {
    const cookies = async (query: string): Promise<string[]> => {
      const response = await fetch(`${hasuraUrl}/v1/graphql`, {
        method: 'POST',
        headers: admin,
        body: JSON.stringify({ query })
      })
      t.notOk(response.headers.has('x-other'))
      return response.headers.getSetCookie()
    }
    answer = (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'set-cookie': ['a=1', 'b=2'], 'x-other': 'no' })
      response.end(gzipSync('{"id":5}'))
    }
    t.strictSame(await user(call), { data: { Hook: { id: 5 } } })
    t.strictSame(await cookies(call), ['a=1', 'b=2'])
    t.strictSame(await cookies('mutation { a: Hook(text: "a") { id } b: Hook(text: "b") { id } }'), ['a=1', 'b=2', 'a=1', 'b=2'])
    t.strictSame(await cookies('{ Find(id: 1) { id } }'), [], 'a query')
    respond(200, '{"id":5}', { 'set-cookie': 'a=1' })
    t.strictSame(await cookies(call), ['a=1'], 'a single one')
    respond(401, '{"message":"M"}', { 'set-cookie': 'a=1' })
    t.strictSame(await cookies(call), [], 'a refusal')
    received.splice(0)
  })

  t.test('do not exist for a role without the permission', async (t) => {
    t.strictSame(await as('anonymous', call), { errors: [failure('validation-failed', 'no mutations exist')] })
  })
})

t.test('an unreachable webhook is a connection failure', async (t) => {
  const { as } = await sandbox(t, {
    project: projectWithHooks(t), env: { HOOK_URL: 'http://127.0.0.1:1', HOOK_SECRET: 'secret-of-the-hook' }
  })
  t.match(await as('admin', 'mutation { Hook(text: "a") { id } }'), {
    errors: [{
      message: 'http exception when calling webhook',
      extensions: { internal: { error: { type: 'http_exception', message: 'Connection failure' } } }
    }]
  })
})

t.test('the start fails if an environment variable of an action is missing', async (t) => {
  await t.rejects(sandbox(t, { project: projectWithHooks(t), env: { HOOK_URL: 'http://127.0.0.1:1' } }),
    { message: 'The action Hook needs the environment variable HOOK_SECRET' })
})
