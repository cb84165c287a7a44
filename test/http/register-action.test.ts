import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/config.ts'
import actionSecret from '../../src/http/action-secret.ts'
import callerGone from '../../src/http/caller-gone.ts'
import callers from '../../src/http/caller.ts'
import type { Caller } from '../../src/http/caller.ts'
import type { InputMaybe, Maybe, Mutation, Scalars } from '../../src/generated/actions.ts'
import http, { serverOptions } from '../../src/http/http.ts'
import { registerAction, registerSessionAction } from '../../src/http/register-action.ts'
import requestLog from '../../src/http/request-log.ts'
import metrics from '../../src/metrics.ts'
import throttle from '../../src/throttle/throttle.ts'
import { failure, settings } from '../support/service.ts'

// As the code generator writes `(text: String!, note: String, flag: Boolean)` and `{ text: String!  count: Int }`.
interface Input {
  text: Scalars['String']['input']
  note?: InputMaybe<Scalars['String']['input']>
  flag?: InputMaybe<Scalars['Boolean']['input']>
}
interface Output { text: Scalars['String']['output'], count?: Maybe<Scalars['Int']['output']> }

const input = {
  text: { type: 'string' }, note: { type: 'string', nullable: true }, flag: { type: 'boolean', nullable: true }
} as const
const output = { text: { type: 'string' }, count: { type: 'integer', nullable: true } } as const

/** What an action stands on, and a shorthand that calls it. */
async function start (t: Test, env: Record<string, string> = {}) {
  const fastify = Fastify({ ...serverOptions(), logger: false })
  t.teardown(() => fastify.close())
  await fastify.register(config, { env: { ...settings, ...env } })
  const plugins = [metrics, callerGone, requestLog, http, throttle, actionSecret, callers]
  for (const plugin of plugins) await fastify.register(plugin)
  return {
    fastify,
    call: async (payload: object, url = '/login') => {
      const headers = { 'x-hasura-action-secret': settings.ACTION_SECRET }
      const response = await fastify.inject({ method: 'POST', url, headers, payload })
      return { status: response.statusCode, body: response.json<unknown>() }
    }
  }
}

t.test('optional arguments and fields may be absent or null, and nothing else', async (t) => {
  const { fastify, call } = await start(t)
  const received: Input[] = []
  const answers: Output[] = [{ text: 'a' }, { text: 'b', count: null }, { text: 'c', count: 3 }]
  registerAction<Input, Output>(fastify, {
    name: 'Login',
    input,
    output,
    async handler (input) {
      received.push(input)
      return answers[received.length - 1] ?? { text: 'none' }
    }
  })
  const inputs = [{ text: '' }, { text: 'x', note: null, flag: null }, { text: 'x', note: '', flag: false }]
  for (const [index, input] of inputs.entries()) {
    t.strictSame(await call({ input }), { status: 200, body: answers[index] })
  }
  t.strictSame(received, inputs)
  const table: Array<[object, string]> = [
    [{}, 'input.text is missing'],
    [{ text: null }, 'input.text must be string'],
    [{ text: 'x', note: 1 }, 'input.note must be string'],
    [{ text: 'x', flag: 'true' }, 'input.flag must be boolean'], [{ text: 'x', more: 1 }, 'input.more is not an argument of this action']
  ]
  for (const [input, message] of table) {
    t.strictSame(await call({ input }), { status: 400, body: failure('validation-failed', message) })
  }
})

t.test('the path is the name of the action in kebab case, and action.name must match', async (t) => {
  const { fastify, call } = await start(t)
  const paths = { Logout: '/logout', ChangePassword: '/change-password', RequestPasswordReset: '/request-password-reset' }
  for (const name of Object.keys(paths)) {
    registerAction<{ text: string }, { text: string }>(fastify, {
      // No action has such a name yet.
      name: name as keyof Mutation,
      input: { text: { type: 'string' } },
      output: { text: { type: 'string' } },
      async handler (input) { return input }
    })
  }
  for (const [name, path] of Object.entries(paths)) {
    const input = { text: path }
    t.strictSame(await call({ input, action: { name } }, path), { status: 200, body: input })
    t.strictSame(await call({ input, action: { name: 'Other' } }, path), {
      status: 400, body: failure('validation-failed', `action.name must be ${name} on this route`)
    })
  }
})

const sessionId = '0d8e4f3a-1b2c-4d5e-8f90-a1b2c3d4e5f6'
const signedIn = { 'x-hasura-role': 'user', 'x-hasura-user-id': '7', 'x-hasura-session-id': sessionId }

/** Calls an action that needs a session; the callers that its handler got. */
async function callAs (t: Test, sessionVariables: unknown, env: Record<string, string> = {}) {
  const { fastify, call } = await start(t, env)
  const callers: Caller[] = []
  registerSessionAction<{ text: string }, { text: string }>(fastify, {
    name: 'Login',
    input: { text: { type: 'string' } },
    output: { text: { type: 'string' } },
    async handler (input, { caller }) {
      callers.push(caller)
      return input
    }
  })
  return { ...await call({ input: { text: 'x' }, session_variables: sessionVariables }), callers }
}

t.test('an action that needs a session gets the caller from Hasura\'s session variables', async (t) => {
  const caller = { userId: 7, role: 'user', sessionId }
  const table: Array<[unknown, Caller]> = [
    [signedIn, caller],
    [{ ...signedIn, 'x-hasura-role': 'admin' }, { ...caller, role: 'admin' }],
    [{ ...signedIn, 'x-hasura-user-id': '2147483647' }, { ...caller, userId: 2_147_483_647 }],
    [{ 'x-hasura-role': 'user', 'x-hasura-user-id': '1' }, { userId: 1, role: 'user', sessionId: undefined }]
  ]
  for (const [variables, expected] of table) {
    const { status, callers } = await callAs(t, variables)
    t.strictSame([status, callers], [200, [expected]])
  }
})

t.test('session variables without a signed-in user are not-authenticated', async (t) => {
  const expected = { status: 401, body: failure('not-authenticated', 'This action needs a session: log in first'), callers: [] }
  const withId = (id: unknown) => ({ ...signedIn, 'x-hasura-user-id': id })
  const table: Array<[string, unknown, Record<string, string>?]> = [
    ['no session variables', undefined],
    ['session variables that are no object', 'x-hasura-role: user'],
    ['null', null],
    ['no role', { ...signedIn, 'x-hasura-role': undefined }],
    ['the unauthorized role, whose variables the client sends', { ...signedIn, 'x-hasura-role': 'anonymous' }],
    ['the unauthorized role with the id of an administrator', { 'x-hasura-role': 'anonymous', 'x-hasura-user-id': '1' }],
    ['an administrator without a user id', { 'x-hasura-role': 'admin' }],
    ['a renamed unauthorized role', { ...signedIn, 'x-hasura-role': 'public' }, { HASURA_GRAPHQL_UNAUTHORIZED_ROLE: 'public' }],
    ['no action secret', signedIn, { ACTION_SECRET: '' }],
    ...[undefined, null, 7, '', '0', '-1', '+7', '07', '7.0', '7e0', ' 7', '7\n', '2147483648', '99999999999', 'x', sessionId, '٧']
      .map((id): [string, unknown] => [`the user id ${JSON.stringify(id)}`, withId(id)]),
    ...[null, 7, '', 'x', `${sessionId}0`, `${sessionId}\n`, `{${sessionId}}`]
      .map((id): [string, unknown] => [`the session id ${JSON.stringify(id)}`, { ...signedIn, 'x-hasura-session-id': id }])
  ]
  for (const [title, variables, env] of table) t.strictSame(await callAs(t, variables, env), expected, title)
})
