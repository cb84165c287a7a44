import type { Test } from 'tap'
import { onEachDatabase } from '../../support/databases.ts'
import type { DatabaseKind } from '../../support/databases.ts'
import { projectWith } from '../../support/project.ts'
import { sandbox } from '../../support/sandbox.ts'
import { failure } from '../../support/service.ts'

const migration = `
  INSERT INTO "user" (id, email, password) VALUES (101, 'a@test.com', 'hash a'), (102, 'b@test.com', 'hash b');
  CREATE TABLE session (
    id uuid PRIMARY KEY,
    user_id integer NOT NULL REFERENCES "user" ON DELETE CASCADE,
    generation integer NOT NULL DEFAULT 0 CONSTRAINT session_generation_check CHECK (generation >= 0),
    refreshed_at timestamptz NOT NULL,
    ended_at timestamptz,
    is_trusted boolean NOT NULL DEFAULT false,
    user_agent text
  );
  CREATE TABLE counter (name text PRIMARY KEY, hits bigint NOT NULL DEFAULT 0, rate numeric, note text);
  INSERT INTO counter VALUES ('a', 9007199254740992, 0.5), ('b', 1, NULL), ('c', 2, NULL);`

const tables = {
  session: `
    table: { name: session, schema: public }
    object_relationships:
      - name: user
        using: { foreign_key_constraint_on: user_id }
    select_permissions:
      - role: user
        permission:
          columns: [id, refreshed_at, ended_at]
          filter: { _and: [{ user: { id: { _eq: X-Hasura-User-Id } } }, { id: { _eq: X-Hasura-Session-Id } }] }
    update_permissions:
      - role: user
        permission:
          columns: [is_trusted, user_agent]
          filter: { user: { id: { _eq: X-Hasura-User-Id }, disabled_at: { _is_null: true } } }
          check: { user_agent: { _neq: forbidden } }
    delete_permissions:
      - role: user
        permission: { filter: { user_id: { _eq: X-Hasura-User-Id } } }`,
  counter: `
    table: { name: counter, schema: public }
    select_permissions:
      - role: user
        permission: { columns: [name, hits], filter: { hits: { _lte: 2 } }, allow_aggregations: true, limit: 1 }
      - role: reader
        permission: { columns: [name], filter: {} }
    insert_permissions:
      - role: user
        permission: { columns: [name], check: { name: { _like: "u%" } }, set: { note: X-Hasura-User-Id } }
      - role: writer
        permission: { columns: [name], check: {} }
    update_permissions:
      - role: user
        permission: { columns: [hits], filter: { hits: { _lt: 100 } }, check: { hits: { _lt: 50 } } }`
}

const sessionId = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`

/** A sandbox with sessions and counters. */
async function sandboxWithSessions (t: Test, database: DatabaseKind) {
  const running = await sandbox(t, { database, project: projectWith(t, { migration, tables }) })
  const { as, graphql, settings } = running
  const headers = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  return {
    ...running,
    admin: async (query: string, variables?: object) => graphql(query, { headers, ...(variables && { variables }) }),
    user: async (query: string, session = 1) => (
      as('user', query, { 'x-hasura-user-id': '101', 'x-hasura-session-id': sessionId(session) })
    )
  }
}

const refused = 'check constraint of an insert/update permission has failed'
const fault = (code: string, message: string, path = '$') => ({ errors: [{ message, extensions: { path, code } }] })

onEachDatabase('mutations of tables', async (t, database) => {
  const { admin, user, as, hasuraUrl, settings } = await sandboxWithSessions(t, database)

  t.test('the root fields of a mutation', async (t) => {
    await admin('mutation { insert_counter(objects: [{ name: "d", hits: 1 }, { name: "e", hits: 2 }]) { affected_rows } }')
    t.teardown(async () => admin('mutation { delete_counter(where: { name: { _in: ["d", "e"] } }) { affected_rows } }'))
    const hits = async (name: string): Promise<unknown> => {
      const { data } = await admin(`{ counter_by_pk(name: "${name}") { hits } }`) as { data: { counter_by_pk: { hits: number } | null } }
      return data.counter_by_pk?.hits
    }
    const set = (name: string, value: number): string => (
      `update_counter(where: { name: { _eq: "${name}" } }, _set: { hits: ${value} }) { affected_rows returning { hits } }`
    )

    t.test('run in the order of the document: each sees what those before it did', async (t) => {
      t.strictSame(await admin(`mutation { one: ${set('d', 10)} two: update_counter(where: { hits: { _eq: 10 } }, _inc: { hits: 1 }) {
        returning { name hits }
      } }`), {
        data: { one: { affected_rows: 1, returning: [{ hits: 10 }] }, two: { returning: [{ name: 'd', hits: 11 }] } }
      })
    })

    t.test('are one transaction if all are on tables', async (t) => {
      t.match(await admin(`mutation { ${set('d', 20)} insert_counter_one(object: { name: "a" }) { name } }`),
        { errors: [{ extensions: { code: 'constraint-violation', path: '$.selectionSet.insert_counter_one.args.object' } }] })
      t.equal(await hits('d'), 11)
    })

    t.test('each run on their own beside an action, until one fails', async (t) => {
      const user = 'Signup(email: "beside@test.com", password: "a-password-of-the-test") { email }'
      t.strictSame(await admin(`mutation { ${set('d', 21)} ${user} }`), {
        data: { update_counter: { affected_rows: 1, returning: [{ hits: 21 }] }, Signup: { email: 'beside@test.com' } }
      })
      const signup = 'Signup(email: "a@test.com", password: "a-password-of-the-test") { id }'
      t.strictSame(await admin(`mutation { ${set('d', 30)} ${signup} e: ${set('e', 30)} }`), {
        errors: [failure('constraint-violation',
          'Uniqueness violation. duplicate key value violates unique constraint "user_email_key"')]
      })
      t.strictSame([await hits('d'), await hits('e')], [30, 2])
    })

    t.test('report violated constraints with Hasura\'s messages', async (t) => {
      const insert = 'mutation ($generation: Int) { insert_session_one(object: { id: "x", user_id: 101, generation: $generation, refreshed_at: "now" }) { id } }'
      const path = '$.selectionSet.insert_session_one.args.object'
      t.strictSame(await admin(insert, { generation: 1 }), fault('data-exception', 'invalid input syntax for type uuid: "x"', path))
      t.strictSame(await admin(insert.replace('"x"', `"${sessionId(1)}"`), { generation: -1 }), fault('permission-error',
        'Check constraint violation. new row for relation "session" violates check constraint "session_generation_check"', path))
      t.strictSame(await admin('mutation { update_user(where: { id: { _eq: 101 } }, _set: { default_role: "no" }) { affected_rows } }'),
        fault('constraint-violation',
          'Foreign key violation. insert or update on table "user" violates foreign key constraint "user_default_role_fkey"'))
    })
  })

  t.test('mutations of many rows', async (t) => {
    const names = async (where: string): Promise<unknown> => {
      const { data } = await admin(`{ counter(where: ${where}, order_by: { name: asc }) { name } }`) as { data: { counter: Array<{ name: string }> } }
      return data.counter.map(({ name }) => name)
    }

    t.test('insert answers affected_rows and returning; columns that an object omits get their default', async (t) => {
      t.strictSame(await admin(`mutation {
        many: insert_counter(objects: [{ name: "x", hits: 5 }, { name: "y", note: "n" }]) { affected_rows returning { name hits note } }
        none: insert_counter(objects: []) { affected_rows returning { name } __typename }
        one: insert_counter(objects: { name: "z" }) { n: affected_rows }
      }`), {
        data: {
          many: { affected_rows: 2, returning: [{ name: 'x', hits: 5, note: null }, { name: 'y', hits: 0, note: 'n' }] },
          none: { affected_rows: 0, returning: [], __typename: 'counter_mutation_response' },
          one: { n: 1 }
        }
      })
    })

    t.test('on_conflict updates or keeps existing rows', async (t) => {
      const insert = (conflict: string): string => `mutation {
        insert_counter(objects: [{ name: "x", hits: 7 }, { name: "w", hits: 7 }], on_conflict: { constraint: counter_pkey ${conflict} }) {
          affected_rows returning { name hits }
        }
      }`
      t.strictSame(await admin(insert('update_columns: [hits], where: { hits: { _eq: 5 } }')), {
        data: { insert_counter: { affected_rows: 2, returning: [{ name: 'x', hits: 7 }, { name: 'w', hits: 7 }] } }
      })
      t.strictSame(await admin(insert('')), { data: { insert_counter: { affected_rows: 0, returning: [] } } })
      // The check of the insert permission holds for new rows, that of the update permission for the others.
      const upsert = (name: string): string => `mutation {
        insert_counter(objects: { name: "${name}" }, on_conflict: { constraint: counter_pkey, update_columns: [hits] }) { affected_rows }
      }`
      t.strictSame(await user(upsert('u1')), { data: { insert_counter: { affected_rows: 1 } } })
      t.strictSame(await user(upsert('b')), { data: { insert_counter: { affected_rows: 1 } } })
      t.strictSame(await user(upsert('v1')), fault('permission-error', refused, '$.selectionSet.insert_counter.args.objects'))
      t.strictSame(await admin('{ counter_by_pk(name: "u1") { hits note } }'), { data: { counter_by_pk: { hits: 0, note: '101' } } })
      await admin('mutation { update_counter(where: { name: { _eq: "b" } }, _set: { hits: 1 }) { affected_rows } }')
    })

    t.test('errors of an insert are at its objects', async (t) => {
      const path = '$.selectionSet.insert_counter.args.objects'
      t.strictSame(await admin('mutation { i: insert_counter(objects: [{ name: "new" }, { name: "a" }]) { affected_rows } }'), fault(
        'constraint-violation', 'Uniqueness violation. duplicate key value violates unique constraint "counter_pkey"', path
      ))
      t.strictSame(await admin('mutation { insert_counter(objects: [{ hits: 1 }]) { affected_rows } }'), fault(
        'constraint-violation',
        'Not-NULL violation. null value in column "name" of relation "counter" violates not-null constraint', path
      ))
      t.strictSame(await admin('mutation { insert_counter(objects: [{ name: "new", hits: "many" }]) { affected_rows } }'),
        fault('data-exception', 'invalid input syntax for type bigint: "many"', path))
      t.strictSame(await names('{ name: { _eq: "new" } }'), [])
    })

    t.test('update sets and increments; numbers keep their digits', async (t) => {
      const response = await fetch(`${hasuraUrl}/v1/graphql`, {
        method: 'POST',
        headers: { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET },
        body: JSON.stringify({
          query: `mutation {
            update_counter(where: { name: { _eq: "a" } }, _inc: { hits: 1, rate: 0.25 }, _set: { note: "n" }) {
              affected_rows returning { hits rate note }
            }
          }`
        })
      })
      t.equal(await response.text(),
        '{"data":{"update_counter":{"affected_rows":1,"returning":[{"hits":9007199254740993,"rate":0.75,"note":"n"}]}}}')
      const nothing = { affected_rows: 0, returning: [] }
      t.strictSame(await admin(`mutation {
        empty: update_counter(where: {}, _set: {}) { affected_rows returning { name } }
        none: update_counter(where: {}) { affected_rows returning { name } }
        unmatched: update_counter(where: { name: { _eq: "nobody" } }, _set: { hits: 1 }) { affected_rows returning { name } }
      }`), { data: { empty: nothing, none: nothing, unmatched: nothing } })
    })

    t.test('rows that a permission hides are not affected, and a failed check of an update is at the root', async (t) => {
      const update = (hits: number): string => `mutation {
        update_counter(where: { name: { _in: ["a", "b"] } }, _set: { hits: ${hits} }) { affected_rows returning { name } }
      }`
      t.strictSame(await user(update(2)), { data: { update_counter: { affected_rows: 1, returning: [{ name: 'b' }] } } })
      t.strictSame(await user(update(60)), fault('permission-error', refused))
      t.strictSame(await admin('{ counter_by_pk(name: "b") { hits } }'), { data: { counter_by_pk: { hits: 2 } } })
      t.strictSame(await user('mutation { update_counter(where: { name: { _eq: "a" } }, _set: { hits: 1 }) { affected_rows } }'),
        { data: { update_counter: { affected_rows: 0 } } })
    })

    t.test('the operators of where', async (t) => {
      await admin('mutation { delete_counter(where: { name: { _nin: ["a", "b", "c"] } }) { affected_rows } }')
      const table: Array<[string, string[]]> = [
        ['{ hits: { _gte: 2 } }', ['a', 'b', 'c']],
        ['{ hits: { _gt: 2 } }', ['a']],
        ['{ hits: { _lte: "2" } }', ['b', 'c']],
        ['{ name: { _in: [] } }', []],
        ['{ name: { _nin: [] } }', ['a', 'b', 'c']],
        ['{ name: { _nin: ["a", "b"] } }', ['c']],
        ['{ name: { _like: "A%" } }', []],
        ['{ name: { _nlike: "a%" } }', ['b', 'c']],
        ['{ name: { _ilike: "A%" } }', ['a']],
        ['{ name: { _nilike: "A%" } }', ['b', 'c']],
        ['{ name: { _similar: "(a|b)" } }', ['a', 'b']],
        ['{ name: { _nsimilar: "(a|b)" } }', ['c']],
        ['{ name: { _regex: "^[AB]$" } }', []],
        ['{ name: { _iregex: "^[AB]$" } }', ['a', 'b']],
        ['{ name: { _nregex: "^[ab]$" } }', ['c']],
        ['{ name: { _niregex: "^[AB]$" } }', ['c']],
        ['{ _not: { _or: [{ name: { _eq: "a" } }, { rate: { _is_null: false } }] } }', ['b', 'c']]
      ]
      for (const [where, expected] of table) t.strictSame(await names(where), expected, where)
    })

    t.test('aggregates count the rows that the role may select, without its limit', async (t) => {
      t.strictSame(await admin(`{
        counter_aggregate(where: { hits: { _lte: 2 } }, order_by: { name: asc }) {
          aggregate { count again: count __typename }
        }
      }`), { data: { counter_aggregate: { aggregate: { count: 2, again: 2, __typename: 'counter_aggregate_fields' } } } })
      t.strictSame(await user('{ counter_aggregate { aggregate { count } } counter { hits } }'),
        { data: { counter_aggregate: { aggregate: { count: 2 } }, counter: [{ hits: 2 }] } })
      t.match(await as('reader', '{ counter_aggregate { aggregate { count } } }'),
        { errors: [{ message: 'field \'counter_aggregate\' not found in type: \'query_root\'' }] })
    })

    t.test('without a select permission, a role gets only affected_rows', async (t) => {
      t.strictSame(await as('writer', 'mutation { insert_counter(objects: { name: "w" }) { affected_rows } }'),
        { data: { insert_counter: { affected_rows: 1 } } })
      t.match(await as('writer', 'mutation { insert_counter_one(object: { name: "w" }) { name } }'),
        { errors: [{ message: 'field \'insert_counter_one\' not found in type: \'mutation_root\'' }] })
    })

    t.test('delete answers affected_rows', async (t) => {
      t.strictSame(await admin('mutation { delete_counter(where: { hits: { _lt: 3 } }) { affected_rows } }'),
        { data: { delete_counter: { affected_rows: 3 } } })
      t.strictSame(await names('{}'), ['a'])
    })
  })

  t.test('conditional mutations create, refresh and end a session', async (t) => {
    const [id, now, grace, old] = [sessionId(1), '2026-01-01T00:02:00Z', '2026-01-01T00:01:00Z', '2026-01-01T00:00:00Z']

    const login = `mutation ($user: Int!, $hash: String!, $id: uuid!, $now: timestamptz!) {
      user: update_user(where: { id: { _eq: $user }, password: { _eq: $hash }, disabled_at: { _is_null: true } }, _set: { updated_at: $now }) {
        affected_rows
      }
      insert_session_one(object: { id: $id, user_id: $user, refreshed_at: $now, is_trusted: true }) {
        id is_trusted user { email roles { role } }
      }
      delete_session(where: { id: { _eq: $id }, _not: { user: { password: { _eq: $hash }, disabled_at: { _is_null: true } } } }) {
        affected_rows
      }
    }`
    t.test('at login, and deleted again if the password is not the verified one', async (t) => {
      t.strictSame(await admin(login, { user: 101, hash: 'hash a', id, now: old }), {
        data: {
          user: { affected_rows: 1 },
          insert_session_one: { id, is_trusted: true, user: { email: 'a@test.com', roles: [] } },
          delete_session: { affected_rows: 0 }
        }
      })
      t.match(await admin(login, { user: 101, hash: 'another hash', id: sessionId(2), now: old }),
        { data: { user: { affected_rows: 0 }, delete_session: { affected_rows: 1 } } })
      t.match(await admin(login, { user: 999, hash: 'x', id: sessionId(3), now: old }),
        { errors: [{ message: /^Foreign key violation\. /, extensions: { code: 'constraint-violation' } }] })
      t.strictSame(await admin('{ session { id user_id } }'), { data: { session: [{ id, user_id: 101 }] } })
    })

    const refresh = `mutation ($id: uuid!, $generation: Int!, $next: Int!, $grace: timestamptz!, $now: timestamptz!) {
      swap: update_session(where: {
        id: { _eq: $id }, generation: { _eq: $generation }, refreshed_at: { _lte: $grace }, ended_at: { _is_null: true },
        user: { disabled_at: { _is_null: true } }
      }, _set: { generation: $next, refreshed_at: $now }) {
        affected_rows
        returning { generation refreshed_at user { email roles { role } } }
      }
      reuse: update_session(where: {
        id: { _eq: $id }, ended_at: { _is_null: true },
        _or: [{ generation: { _gt: $next } }, { generation: { _eq: $next }, refreshed_at: { _lt: $grace } }]
      }, _set: { ended_at: $now }) { affected_rows }
    }`
    const variables = { id, generation: 0, next: 1, grace, now }
    t.test('at a refresh, once per grace', async (t) => {
      t.strictSame(await admin(refresh, variables), {
        data: {
          swap: {
            affected_rows: 1,
            returning: [{ generation: 1, refreshed_at: '2026-01-01T00:02:00+00:00', user: { email: 'a@test.com', roles: [] } }]
          },
          reuse: { affected_rows: 0 }
        }
      })
      const nothing = { swap: { affected_rows: 0, returning: [] }, reuse: { affected_rows: 0 } }
      t.strictSame(await admin(refresh, variables), { data: nothing })
      t.strictSame(await admin(refresh, { ...variables, grace: '2026-01-01T00:03:00Z' }),
        { data: { ...nothing, reuse: { affected_rows: 1 } } })
    })

    t.test('its owner reads it, and only with that session', async (t) => {
      t.strictSame(await user('{ session { id ended_at } }'), { data: { session: [{ id, ended_at: '2026-01-01T00:02:00+00:00' }] } })
      t.strictSame(await user('{ session { id } }', 2), { data: { session: [] } })
      t.match(await user('{ session { generation } }'), { errors: [{ message: 'field \'generation\' not found in type: \'session\'' }] })
    })

    t.test('a permission that leads through a relationship decides what its owner may change', async (t) => {
      const update = (agent: string): string => `mutation { update_session(where: {}, _set: { user_agent: "${agent}" }) { affected_rows } }`
      await admin(login, { user: 102, hash: 'hash b', id: sessionId(4), now: old })
      t.strictSame(await user(update('x')), { data: { update_session: { affected_rows: 1 } } })
      t.strictSame(await user(update('forbidden')), fault('permission-error', refused))
      await admin('mutation ($now: timestamptz) { update_user(where: { id: { _eq: 101 } }, _set: { disabled_at: $now }) { affected_rows } }', { now })
      t.strictSame(await user(update('y')), { data: { update_session: { affected_rows: 0 } } })
      t.strictSame(await admin('{ session(order_by: { id: asc }) { user_agent } }'), { data: { session: [{ user_agent: 'x' }, { user_agent: null }] } })
      t.strictSame(await user('mutation { delete_session(where: {}) { affected_rows } }'), { data: { delete_session: { affected_rows: 1 } } })
    })

    t.test('a delete returns the state after it', async (t) => {
      t.strictSame(await admin('mutation { delete_user(where: { id: { _eq: 102 } }) { affected_rows returning { email roles { role } } } }'),
        { data: { delete_user: { affected_rows: 1, returning: [{ email: 'b@test.com', roles: [] }] } } })
      t.strictSame(await admin('{ session { id } }'), { data: { session: [] } })
    })
  })
})
