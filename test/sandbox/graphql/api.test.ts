import { readFileSync } from 'node:fs'
import { introspect } from '../../../src/cli/pull-schema/introspect.ts'
import { onEachDatabase } from '../../support/databases.ts'
import { projectWith } from '../../support/project.ts'
import { sandbox } from '../../support/sandbox.ts'
import { failure, settings } from '../../support/service.ts'

const migration = `
  CREATE SCHEMA feeling;
  CREATE TYPE feeling.mood AS ENUM ('good', 'bad');
  CREATE TABLE note (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id integer NOT NULL REFERENCES "user" (id),
    title text NOT NULL CONSTRAINT note_title_key UNIQUE,
    stars bigint,
    labels text[],
    mood feeling.mood,
    tags jsonb,
    is_public boolean NOT NULL DEFAULT false,
    "two words" text
  );
  INSERT INTO "user" (id, email, password) VALUES (101, 'a@test.com', 'x'), (102, 'b@test.com', 'x');
  INSERT INTO note (id, owner_id, title, stars, is_public) VALUES
    ('00000000-0000-4000-8000-000000000001', 101, 'one', 1, false),
    ('00000000-0000-4000-8000-000000000002', 102, 'two', NULL, true),
    ('00000000-0000-4000-8000-000000000003', 102, 'three', 3, false);`

const metadata = `
table: { name: note, schema: public }
object_relationships:
  - name: owner
    using: { foreign_key_constraint_on: owner_id }
select_permissions:
  - role: user
    permission:
      columns: [id, owner_id, title, stars, tags, is_public]
      filter: { _or: [{ owner_id: { _eq: X-Hasura-User-Id } }, { is_public: { _eq: true } }] }
  - role: reader
    permission: { columns: [title], filter: { owner: { email: { _in: [a@test.com] } } }, limit: 1 }
  - role: listed
    permission: { columns: [title], filter: { stars: { _in: X-Hasura-Stars } } }
insert_permissions:
  - role: user
    permission:
      columns: [title, stars, tags, is_public]
      check: { _not: { title: { _eq: forbidden } } }
      set: { owner_id: X-Hasura-User-Id }
update_permissions:
  - role: user
    permission:
      columns: [title, is_public]
      filter: { owner_id: { _eq: X-Hasura-User-Id } }
      check: { title: { _neq: forbidden } }
delete_permissions:
  - role: user
    permission: { filter: { owner_id: { _eq: X-Hasura-User-Id } } }
`

const noteId = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`

onEachDatabase('the API of the tables', async (t, database) => {
  const { as } = await sandbox(t, { database, project: projectWith(t, { migration, tables: { note: metadata } }) })
  const admin = async (query: string) => as('admin', query)
  const user = async (query: string, id = '101') => as('user', query, { 'x-hasura-user-id': id })
  const fault = (code: string, message: string, path = '$') => ({ errors: [{ message, extensions: { path, code } }] })

  t.test('where, order_by, limit and offset select rows', async (t) => {
    const rows = async (args: string): Promise<unknown> => {
      const { data } = await admin(`{ note${args} { title } }`) as { data: { note: Array<{ title: string }> } }
      return data.note.map(({ title }) => title)
    }
    const byTitle = 'order_by: { title: asc }'
    const table: Array<[string, string[]]> = [
      [`(${byTitle})`, ['one', 'three', 'two']],
      ['(order_by: [{ is_public: desc }, { title: desc }])', ['two', 'three', 'one']],
      ['(order_by: { stars: asc_nulls_first })', ['two', 'one', 'three']],
      ['(order_by: { stars: desc_nulls_last }, limit: 2)', ['three', 'one']],
      [`(${byTitle}, limit: 1, offset: 1)`, ['three']],
      [`(${byTitle}, limit: null, offset: null, where: null)`, ['one', 'three', 'two']],
      ['(where: { title: { _eq: "one" } })', ['one']],
      [`(where: { title: { _neq: "one" } }, ${byTitle})`, ['three', 'two']],
      ['(where: { title: { _in: ["one", "none"] } })', ['one']],
      ['(where: { title: { _in: [] } })', []],
      ['(where: { stars: { _is_null: true } })', ['two']],
      [`(where: { stars: { _is_null: false } }, ${byTitle})`, ['one', 'three']],
      ['(where: { stars: { _gt: 1 } })', ['three']],
      ['(where: { stars: { _lt: 3 } })', ['one']],
      ['(where: { stars: { _gt: 0, _lt: 2 } })', ['one']],
      ['(where: { _and: [{ is_public: { _eq: false } }, { stars: { _gt: 1 } }] })', ['three']],
      [`(where: { _or: [{ title: { _eq: "one" } }, { is_public: { _eq: true } }] }, ${byTitle})`, ['one', 'two']],
      ['(where: { _or: [] })', []],
      [`(where: { _and: [] }, ${byTitle})`, ['one', 'three', 'two']],
      ['(where: { _not: { owner_id: { _eq: 102 } } })', ['one']],
      ['(where: { owner: { email: { _eq: "a@test.com" } } })', ['one']],
      [`(where: { id: { _eq: "${noteId(3)}" } })`, ['three']]
    ]
    for (const [args, titles] of table) t.strictSame(await rows(args), titles, args)
  })

  t.test('relationships in both directions take arguments', async (t) => {
    t.strictSame(await admin(`{
      user(where: { email: { _eq: "admin@site.com" } }) {
        roles(where: { role: { _neq: "user" } }, order_by: { role: asc }, limit: 5) { role user { email } }
      }
      note_by_pk(id: "${noteId(2)}") { stars owner { ...names } }
    }
    fragment names on user { email id }`), {
      data: {
        user: [{ roles: [{ role: 'admin', user: { email: 'admin@site.com' } }] }],
        note_by_pk: { stars: null, owner: { email: 'b@test.com', id: 102 } }
      }
    })
  })

  t.test('a role sees only the rows, columns and fields of its permissions', async (t) => {
    const own = '{ note(order_by: { title: asc }) { title owner { email } } }'
    t.strictSame(await user(own), {
      // The filter of the table user hides the owner of the public note.
      data: { note: [{ title: 'one', owner: { email: 'a@test.com' } }, { title: 'two', owner: null }] }
    })
    t.strictSame(await as('reader', '{ note { title } }'), { data: { note: [{ title: 'one' }] } })
    t.strictSame(await as('listed', '{ note { title } }', { 'x-hasura-stars': '{"3","4"}' }), { data: { note: [{ title: 'three' }] } })
    t.strictSame(await as('listed', '{ note { title } }', { 'x-hasura-stars': '3' }),
      fault('data-exception', 'malformed array literal: "3"'))
    t.strictSame(await as('reader', '{ note { stars } }'), fault(
      'validation-failed', 'field \'stars\' not found in type: \'note\'', '$.selectionSet.note.selectionSet.stars'
    ))
    t.strictSame(await as('reader', '{ ...on query_root { note { ...f } } } fragment f on note { owner { id } }'), fault(
      'validation-failed', 'field \'owner\' not found in type: \'note\'', '$.selectionSet.note.selectionSet.owner'
    ))
    t.strictSame(await as('reader', '{ note_by_pk(id: "x") { title } }'), fault(
      'validation-failed', 'field \'note_by_pk\' not found in type: \'query_root\'', '$.selectionSet.note_by_pk'
    ))
    t.strictSame(await as('nobody', '{ note { title } }'), fault(
      'validation-failed', 'field \'note\' not found in type: \'query_root\'', '$.selectionSet.note'
    ))
    t.strictSame(await as('nobody', 'mutation { delete_note_by_pk(id: "x") { id } }'),
      fault('validation-failed', 'no mutations exist'))
    t.match(await as('nobody', '{ no_queries_available __typename }'), { data: { __typename: 'query_root' } })
    t.strictSame(await as('user', '{ note { title } }'),
      fault('not-found', 'missing session variable: "x-hasura-user-id"'))
    t.strictSame(await user('{ __type(name: "note_insert_input") { inputFields { name } } }'), {
      data: { __type: { inputFields: ['title', 'stars', 'tags', 'is_public'].map(name => ({ name })) } }
    })
    const { data } = await user('{ __type(name: "mutation_root") { fields { name } } }') as { data: { __type: { fields: Array<{ name: string }> } } }
    const mutations = data.__type.fields.map(({ name }) => name)
    t.strictSame(mutations.filter(name => name.includes('note')), [
      'insert_note', 'insert_note_one', 'update_note', 'update_note_by_pk', 'delete_note', 'delete_note_by_pk'
    ])
    t.ok(mutations.includes('Login') && !mutations.some(name => /user|role/.test(name)))
  })

  t.test('a role writes only what its permissions allow', async (t) => {
    t.strictSame(await user('mutation { insert_note_one(object: { title: "new", stars: 9, tags: ["x"] }) { owner_id stars tags } }'),
      { data: { insert_note_one: { owner_id: 101, stars: 9, tags: ['x'] } } })
    const refused = 'check constraint of an insert/update permission has failed'
    t.strictSame(await user('mutation { insert_note_one(object: { title: "forbidden" }) { id } }'),
      fault('permission-error', refused, '$.selectionSet.insert_note_one.args.object'))
    const update = (id: number, title: string): string => (
      `mutation { update_note_by_pk(pk_columns: { id: "${noteId(id)}" }, _set: { title: "${title}" }) { title } }`
    )
    t.strictSame(await user(update(1, 'renamed')), { data: { update_note_by_pk: { title: 'renamed' } } })
    t.strictSame(await user(update(2, 'renamed')), { data: { update_note_by_pk: null } })
    t.strictSame(await user(update(1, 'forbidden')), fault('permission-error', refused))
    t.strictSame(await admin('{ note(where: { title: { _eq: "forbidden" } }) { id } }'), { data: { note: [] } })
    t.strictSame(await user(`mutation { delete_note_by_pk(id: "${noteId(2)}") { title } }`), { data: { delete_note_by_pk: null } })
    t.strictSame(await user('mutation { insert_note_one(object: { title: "gone" }) { id } }')
      .then(async ({ data }) => {
        const { id } = (data as { insert_note_one: { id: string } }).insert_note_one
        return user(`mutation { delete_note_by_pk(id: "${id}") { title } }`)
      }), { data: { delete_note_by_pk: { title: 'gone' } } })
  })

  t.test('a column whose name GraphQL does not accept is left out', async (t) => {
    const { data } = await admin('{ __type(name: "note") { fields { name } } }') as { data: { __type: { fields: Array<{ name: string }> } } }
    t.strictSame(data.__type.fields.map(({ name }) => name),
      ['id', 'owner_id', 'title', 'stars', 'labels', 'mood', 'tags', 'is_public', 'owner'])
  })

  t.test('a column of any type can be written and compared', async (t) => {
    const insert = 'insert_note_one(object: { title: "typed", owner_id: 101, labels: ["a,b", "c"], mood: "bad" })'
    t.strictSame(await admin(`mutation { ${insert} { labels mood } }`),
      { data: { insert_note_one: { labels: ['a,b', 'c'], mood: 'bad' } } })
    t.strictSame(await admin('{ note(where: { mood: { _eq: "bad" }, labels: { _eq: ["a,b", "c"] } }) { title } }'),
      { data: { note: [{ title: 'typed' }] } })
  })

  t.test('on_conflict updates or keeps the existing row', async (t) => {
    const insert = (conflict: string): string => (
      `mutation { insert_note_one(object: { title: "three", owner_id: 101, stars: 33 }, on_conflict: ${conflict}) { id stars } }`
    )
    t.strictSame(await admin(insert('{ constraint: note_title_key }')), { data: { insert_note_one: null } })
    const where = 'where: { stars: { _gt: 5 } }'
    t.strictSame(await admin(insert(`{ constraint: note_title_key, update_columns: [stars], ${where} }`)),
      { data: { insert_note_one: null } })
    t.strictSame(await admin(insert('{ constraint: note_title_key, update_columns: [stars] }')),
      { data: { insert_note_one: { id: noteId(3), stars: 33 } } })
    // The filter of the update permission hides the rows of others.
    t.strictSame(await user(`mutation { insert_note_one(object: { title: "three" },
      on_conflict: { constraint: note_title_key, update_columns: [is_public] }) { id } }`), { data: { insert_note_one: null } })
  })

  t.test('errors of PostgreSQL get Hasura\'s code, message and path', async (t) => {
    const one = '$.selectionSet.insert_user_one.args.object'
    const insert = (object: string): string => `mutation { insert_user_one(object: ${object}) { id } }`
    const table: Array<[string, string, string, string?]> = [
      [insert('{ email: "a@test.com", password: "x" }'), 'constraint-violation',
        'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"', one],
      [insert('{ password: "x" }'), 'constraint-violation',
        'Not-NULL violation. null value in column "email" of relation "user" violates not-null constraint', one],
      [insert('{ email: "UPPER@test.com", password: "x" }'), 'permission-error',
        'Check constraint violation. new row for relation "user" violates check constraint "user_email_check"', one],
      [insert('{ email: "c@test.com", password: "x", default_role: "no" }'), 'constraint-violation',
        'Foreign key violation. insert or update on table "user" violates foreign key constraint "user_default_role_fkey"', one],
      ['mutation { insert_user_role_one(object: { user_id: 101, role: "no" }) { role } }', 'constraint-violation',
        'Foreign key violation. insert or update on table "user_role" violates foreign key constraint "user_role_role_fkey"',
        '$.selectionSet.insert_user_role_one.args.object'],
      ['mutation { update_user_by_pk(pk_columns: { id: 101 }, _set: { default_role: "no" }) { id } }', 'constraint-violation',
        'Foreign key violation. insert or update on table "user" violates foreign key constraint "user_default_role_fkey"'],
      ['mutation { delete_role_by_pk(name: "admin") { name } }', 'constraint-violation',
        'Foreign key violation. update or delete on table "role" violates foreign key constraint "user_default_role_fkey" on table "user"'],
      ['mutation { update_user_by_pk(pk_columns: { id: 101 }, _set: { email: "b@test.com" }) { id } }', 'constraint-violation',
        'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"'],
      ['mutation { delete_user_by_pk(id: 102) { id } }', 'constraint-violation',
        'Foreign key violation. update or delete on table "user" violates foreign key constraint "note_owner_id_fkey" on table "note"'],
      [insert('{ email: "nul\\u0000", password: "x" }'), 'data-exception', 'invalid byte sequence for encoding "UTF8": 0x00', one],
      ['{ note_by_pk(id: "no uuid") { id } }', 'data-exception', 'invalid input syntax for type uuid: "no uuid"']
    ]
    for (const [query, code, message, path] of table) {
      t.strictSame(await admin(query), fault(code, message, path), message)
    }
  })
})

onEachDatabase('the HTTP API', async (t, database) => {
  const { hasuraUrl, graphql } = await sandbox(t, { database })
  t.equal(await (await fetch(`${hasuraUrl}/healthz`)).text(), 'OK')
  t.match(await (await fetch(`${hasuraUrl}/v1/version`)).json(), { version: /^v2\./ })
  const unknown = await fetch(`${hasuraUrl}/v2/query`, { method: 'POST' })
  t.equal(unknown.status, 404)
  t.strictSame(await unknown.json(), { path: '$', error: 'resource does not exist', code: 'not-found' })

  t.strictSame(await graphql('{ user { id } }', { headers: { 'x-hasura-admin-secret': 'wrong' } }),
    { errors: [failure('access-denied', 'invalid "x-hasura-admin-secret"/"x-hasura-access-key"')] })
  t.strictSame(await graphql('{ user { id } }', { headers: { authorization: 'Bearer x' } }), {
    errors: [failure('invalid-jwt',
      'Could not verify JWT: JWSError (CompactDecodeError Invalid number of parts: Expected 3 parts; got 1)')]
  })
  t.equal(await introspect(hasuraUrl, settings.HASURA_GRAPHQL_ADMIN_SECRET),
    readFileSync('graphql/schema.graphql', 'utf8'), 'npm run schema:pull refreshes it')
  t.match(await graphql('query named($id: Int!) { user_by_pk(id: $id) { id } }', {
    variables: { id: 1 }, headers: { 'x-hasura-admin-secret': 'admin-secret-of-the-tests' }
  }), { data: { user_by_pk: { id: 1 } } })
})
