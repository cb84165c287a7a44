import type { RequestListener } from 'node:http'
import { json } from 'node:stream/consumers'
import Fastify from 'fastify'
import t from 'tap'
import type { Test } from 'tap'
import config from '../../src/config.ts'
import type { Environment } from '../../src/config.ts'
import { schemaRequirements } from '../../src/generated/schema-requirements.ts'
import { parseEndpoint } from '../../src/hasura/connection.ts'
import { diagnose } from '../../src/hasura/diagnose.ts'
import hasura from '../../src/hasura/hasura.ts'
import metrics from '../../src/metrics.ts'
import { answerFromSchema, schemaSnapshot } from '../support/schema-answer.ts'
import { serverOf, settings } from '../support/service.ts'

async function diagnosisOf (
  t: Test, endpoint: string, compareSchema = true, more: Environment = {}
): Promise<string | undefined> {
  const fastify = Fastify()
  t.teardown(() => fastify.close())
  const env = { ...settings, HASURA_GRAPHQL_ENDPOINT: endpoint, ...more }
  await fastify.register(config, { env, parsers: { HASURA_GRAPHQL_ENDPOINT: parseEndpoint } })
  await fastify.register(metrics)
  await fastify.register(hasura)
  return diagnose(fastify.hasura, { compareSchema })
}

/** A Hasura that serves a schema. `errors` are its answers to operations that fail. */
async function hasuraServing (t: Test, sdl: string, errors: Record<string, object> = {}): Promise<string> {
  return serverOf(t, (request, response) => {
    void json(request).then(async (body) => {
      const { query } = body as { query: string }
      const error = errors[/query (\w+)/.exec(query)?.[1] ?? '']
      response.end(JSON.stringify(error === undefined ? await answerFromSchema(query, sdl) : { errors: [error] }))
    })
  })
}

const answering = (text: string, status = 200): RequestListener => (_request, response) => {
  response.writeHead(status).end(text)
}
const reporting = (message: string, extensions?: object): RequestListener => (
  answering(JSON.stringify({ errors: [{ message, extensions }] }))
)

t.test('a Hasura with everything that the operations use has no problem', async (t) => {
  const url = await hasuraServing(t, schemaSnapshot)
  t.equal(await diagnosisOf(t, url), undefined)
  t.equal(await diagnosisOf(t, url, false), undefined)
})

t.test('a server that does not answer like Hasura is reported in one line that names the variable', async (t) => {
  const unreachable = /^HASURA_GRAPHQL_ENDPOINT cannot be reached \(.+\): start Hasura, or correct the URL$/
  const notHasura = (status: number): RegExp => new RegExp('^HASURA_GRAPHQL_ENDPOINT is not the base URL of a Hasura: '
    + `/v1/graphql answers HTTP ${status} without GraphQL\\. Start Hasura, or correct the URL$`)
  const database = /^Hasura has no connection to PostgreSQL: start PostgreSQL, or correct the database URL in Hasura's /
  const secret = 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"'
  const table: Array<[title: string, listener: RequestListener, problem: RegExp]> = [
    ['a closed connection', request => request.socket.destroy(), unreachable],
    ['no answer', () => { /* never */ }, unreachable],
    ['a page', answering('<html>'), notHasura(200)],
    ['another path', answering('{"message":"Not Found"}', 404), notHasura(404)],
    ['a redirect', answering('', 308), notHasura(308)],
    ['a gateway', answering('<html>', 502), notHasura(502)],
    ['another GraphQL server that refuses', reporting('Unauthorized'),
      /^HASURA_GRAPHQL_ENDPOINT is a GraphQL server, but not Hasura \(it says: Unauthorized\)/],
    ['a wrong admin secret', reporting(secret, { path: '$', code: 'access-denied' }),
      /^HASURA_GRAPHQL_ADMIN_SECRET is not Hasura's admin secret: .*_ADMIN_SECRETS, use an entry of it$/],
    ['no PostgreSQL', reporting('connection error', { path: '$', code: 'postgres-error' }), database],
    ['no free connection', reporting('no', { path: '$', code: 'postgres-max-connections-error' }), database],
    ['a table that is gone', reporting('database query error',
      { path: '$', code: 'unexpected', internal: { error: { status_code: '42P01' } } }),
    /^PostgreSQL lacks a table or column that Hasura's metadata names \(SQLSTATE 42P01\): apply hasura\/migrations, /],
    ['any other error', reporting('database query error', { path: '$', code: 'unexpected' }),
      /^Hasura reports an error that keeps sign-in from working \(unexpected\): database query error$/]
  ]
  await Promise.all(table.map(async ([title, listener, problem]) => {
    const url = await serverOf(t, listener)
    for (const compareSchema of [true, false]) {
      const more = title === 'no answer' ? { HASURA_TIMEOUT_SECONDS: '1' } : {}
      const line = await diagnosisOf(t, url, compareSchema, more)
      t.match(line, problem, title)
      t.notMatch(line, new RegExp(`\n|${settings.HASURA_GRAPHQL_ADMIN_SECRET}`))
    }
  }))
  t.match(await diagnosisOf(t, 'http://127.0.0.1:1'), /^HASURA_GRAPHQL_ENDPOINT cannot be reached \(.*ECONNREFUSED/)
  t.match(await diagnosisOf(t, 'http://hasura.invalid'), /^HASURA_GRAPHQL_ENDPOINT cannot be reached .*(?:ENOTFOUND|EAI_AGAIN)/)
})

t.test('a schema that lacks something that the operations use is reported in one line that names it', async (t) => {
  const table: Array<[title: string, change: [RegExp, string], missing: RegExp]> = [
    ['a column', [/^ {2}default_role: String!\n/gm, ''], /^user\.default_role$/],
    ['a column in every type', [/^ {2}password: String.*\n/gm, ''], /\.password/],
    ['a relationship', [/^ {2}roles\(.*\n/gm, ''], /^user\.roles$/],
    ['a relationship that only conditions use', [/^ {2}sessions: user_session_bool_exp\n/gm, ''], /^user_bool_exp\.sessions:/],
    ['a column that only an insert uses', [/^ {2}user_agent: String\n/gm, ''], /^user_session_insert_input\.user_agent: String$/],
    ['the second migration', [/user_session/g, 'other'], /user_session/],
    ['a table that cannot be inserted into', [/^ {2}insert_user_one\(.*\n/gm, ''], /^mutation_root\.insert_user_one$/],
    ['a key of another type', [/\bInt_comparison_exp\b/g, 'numeric_comparison_exp'], /Int_comparison_exp/],
    ['a table', [/(?<!_)\buser(?=\b|_(?!role|session))/g, 'person'], /\.user(?:_id|_agent)?\b|^user\.|^user_(?!role|session)/]
  ]
  for (const [title, [pattern, replacement], missing] of table) {
    const names = schemaRequirements.filter(requirement => missing.test(requirement))
    t.ok(names.length > 0, title)
    const others = names.length > 6 ? ` and ${names.length - 6} more` : ''
    t.equal(
      await diagnosisOf(t, await hasuraServing(t, schemaSnapshot.replace(pattern, replacement))),
      `Hasura's schema lacks ${names.slice(0, 6).join(', ')}${others}. Apply hasura/migrations and hasura/metadata, then `
      + 'reload the metadata. If your tables differ, see docs/your-own-user-table.md', title
    )
  }

  const camelCase = schemaSnapshot.replace(/(?<=^ {2})(?:insert|update|delete)_\w+/gm, name => (
    name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase())
  ))
  const naming = 'HASURA_GRAPHQL_DEFAULT_NAMING_CONVENTION must be hasura-default, and so must the naming_convention of the '
    + 'source: Hasura serves mutation_root.deleteUser instead of mutation_root.delete_user'
  t.equal(await diagnosisOf(t, await hasuraServing(t, camelCase)), naming)

  const other = await hasuraServing(t, 'type Query { user: [String] }')
  const notHasura = 'HASURA_GRAPHQL_ENDPOINT is a GraphQL server, but not Hasura: its schema has no query_root. Correct the URL'
  t.equal(await diagnosisOf(t, other), notHasura)
  for (const data of [{ query_root: { fields: 5 } }, { user_bool_exp: { inputFields: [{ name: 'id', type: {} }] } }]) {
    const malformed = await serverOf(t, answering(JSON.stringify({ data })))
    t.match(await diagnosisOf(t, malformed), /^HASURA_GRAPHQL_ENDPOINT is a GraphQL server, but not Hasura: it does/)
  }
})

t.test('without introspection, readiness depends on the operation that reads users', async (t) => {
  const disabled = {
    message: 'field \'__type\' not found in type: \'query_root\'', extensions: { path: '$', code: 'validation-failed' }
  }
  t.equal(await diagnosisOf(t, await hasuraServing(t, schemaSnapshot, { Schema: disabled })), undefined)
  const missing = {
    message: 'field \'user\' not found in type: \'query_root\'', extensions: { path: '$', code: 'validation-failed' }
  }
  const url = await hasuraServing(t, schemaSnapshot, { Schema: disabled, Ready: missing })
  t.match(await diagnosisOf(t, url), /^Hasura reports an error .* \(validation-failed\): field 'user' not found/)
})
