import { onEachDatabase } from '../../support/databases.ts'
import { projectWith } from '../../support/project.ts'
import { sandbox } from '../../support/sandbox.ts'
import { settings } from '../../support/service.ts'

const migration = `
  CREATE TABLE article (
    id serial PRIMARY KEY,
    title text NOT NULL,
    stars bigint,
    is_public boolean NOT NULL DEFAULT false,
    tags jsonb NOT NULL DEFAULT '{}',
    price numeric,
    labels text[],
    published_at timestamptz
  );
  INSERT INTO article (title, stars, tags, price, published_at) VALUES
    ('first', 9007199254740993, 'null', 12345678901234567890.123456789, '2026-01-01T00:00:00Z');`

interface Mistake {
  query?: string
  variables?: object
  operationName?: string
  code?: string
  message: string
  path?: string
}

const article = '$.selectionSet.article'
const where = `${article}.args.where`

/** Mistakes, and what a live Hasura 2.43 answers to them. */
const mistakes: Record<string, Mistake[]> = {
  'an unknown field of an input': [
    {
      query: '{ article(where: { title: { _ne: "x" } }) { id } }',
      message: 'field \'_ne\' not found in type: \'String_comparison_exp\'', path: `${where}.title._ne`
    },
    {
      query: '{ article(where: { _and: [{ title: {} }, { bogus: {} }] }) { id } }',
      message: 'field \'bogus\' not found in type: \'article_bool_exp\'', path: `${where}._and[1].bogus`
    },
    {
      query: '{ article(order_by: { bogus: asc }) { id } }',
      message: 'field \'bogus\' not found in type: \'article_order_by\'', path: `${article}.args.order_by[0].bogus`
    },
    {
      query: 'mutation { insert_article_one(object: { bogus: 1 }) { id } }',
      message: 'field \'bogus\' not found in type: \'article_insert_input\'',
      path: '$.selectionSet.insert_article_one.args.object.bogus'
    },
    {
      query: 'mutation ($set: article_set_input) { update_article(where: {}, _set: $set) { affected_rows } }',
      variables: { set: { bogus: 1 } },
      message: 'field \'bogus\' not found in type: \'article_set_input\'',
      path: '$.selectionSet.update_article.args._set.bogus'
    },
    {
      query: '{ article { bogus } }',
      message: 'field \'bogus\' not found in type: \'article\'', path: `${article}.selectionSet.bogus`
    },
    { query: '{ artikel { id } }', message: 'field \'artikel\' not found in type: \'query_root\'', path: '$.selectionSet.artikel' }
  ],
  'an unknown argument': [
    { query: '{ article(bogus: 1) { id } }', message: '\'article\' has no argument named \'bogus\'', path: article },
    {
      query: 'mutation { Login(mail: "x") { token } }',
      message: '\'Login\' has no argument named \'mail\'', path: '$.selectionSet.Login'
    }
  ],
  'a missing argument': [
    {
      query: '{ article_by_pk { id } }',
      message: 'missing required field \'id\'', path: '$.selectionSet.article_by_pk.args.id'
    },
    {
      query: 'mutation { delete_article { affected_rows } }',
      message: 'missing required field \'where\'', path: '$.selectionSet.delete_article.args.where'
    },
    {
      query: 'mutation { Login(email: "a@test.com") { token } }',
      message: 'missing required field \'password\'', path: '$.selectionSet.Login.args.password'
    }
  ],
  'null': [
    {
      query: '{ article(where: { title: { _eq: null } }) { id } }',
      message: 'unexpected null value for type \'String\'', path: `${where}.title._eq`
    },
    {
      query: 'query ($id: Int) { article(where: { id: { _in: [1, $id] } }) { id } }',
      message: 'variable \'id\' is declared as \'Int\', but used where \'Int!\' is expected', path: `${where}.id._in[1]`
    },
    {
      query: 'query ($title: String) { article(where: { title: { _eq: $title } }) { id } }',
      message: 'unexpected null value for type \'String\'', path: `${where}.title._eq`
    },
    {
      query: '{ article(where: { title: { _is_null: null } }) { id } }',
      message: 'expected a boolean for type \'Boolean\', but found null', path: `${where}.title._is_null`
    },
    {
      query: '{ article(where: { _not: null }) { id } }',
      message: 'expected an object for type \'article_bool_exp\', but found null', path: `${where}._not`
    },
    {
      query: '{ article(where: { _and: null }) { id } }',
      message: 'expected a list, but found null', path: `${where}._and`
    },
    {
      query: 'mutation { insert_article_one(object: { title: null }) { id } }',
      message: 'unexpected null value for type \'String\'', path: '$.selectionSet.insert_article_one.args.object.title'
    },
    {
      query: 'mutation { Login(email: null, password: "x") { token } }',
      message: 'expected a string for type \'String\', but found null', path: '$.selectionSet.Login.args.email'
    }
  ],
  'a value of a wrong kind': [
    {
      query: '{ article(limit: "1") { id } }',
      message: 'expected a non-negative 32-bit integer for type \'Int\', but found a string', path: `${article}.args.limit`
    },
    {
      query: '{ article(limit: 1.5) { id } }',
      message: 'expected a non-negative 32-bit integer for type \'Int\', but found a float', path: `${article}.args.limit`
    },
    {
      query: '{ article(limit: -1) { id } }',
      message: 'expected a non-negative 32-bit integer for type \'Int\', but found an integer', path: `${article}.args.limit`
    },
    {
      query: 'query ($limit: Int) { article(limit: $limit) { id } }', variables: { limit: -1 },
      message: 'expected a non-negative 32-bit integer for type \'Int\', but found a number', path: `${article}.args.limit`
    },
    {
      query: '{ article(where: [{ id: { _eq: 1 } }]) { id } }',
      message: 'expected an object for type \'article_bool_exp\', but found a list', path: where
    },
    {
      query: '{ article(where: { title: "x" }) { id } }',
      message: 'expected an object for type \'String_comparison_exp\', but found a string', path: `${where}.title`
    },
    {
      query: '{ article(order_by: { title: "asc" }) { id } }',
      message: 'expected an enum value for type \'order_by\', but found a string', path: `${article}.args.order_by[0].title`
    },
    {
      query: '{ article(where: { title: { _is_null: "true" } }) { id } }',
      message: 'expected a boolean for type \'Boolean\', but found a string', path: `${where}.title._is_null`
    },
    {
      query: 'mutation { Login(email: 1, password: "x") { token } }',
      message: 'expected a string for type \'String\', but found an integer', path: '$.selectionSet.Login.args.email'
    }
  ],
  'a number for a text column, and other values that do not fit a column': [
    {
      query: '{ article(where: { title: { _eq: 1 } }) { id } }', code: 'parse-failed',
      message: 'parsing Text failed, expected String, but encountered Number', path: `${where}.title._eq`
    },
    {
      query: 'mutation ($title: String) { insert_article_one(object: { title: $title }) { id } }',
      variables: { title: 1 }, code: 'parse-failed', message: 'parsing Text failed, expected String, but encountered Number',
      path: '$.selectionSet.insert_article_one.args.object.title'
    },
    {
      query: '{ article(where: { title: { _in: [["x"]] } }) { id } }', code: 'parse-failed',
      message: 'parsing Text failed, expected String, but encountered Array', path: `${where}.title._in[0]`
    },
    {
      query: '{ article(where: { is_public: { _eq: 1 } }) { id } }', code: 'parse-failed',
      message: 'parsing Bool failed, expected Boolean, but encountered Number', path: `${where}.is_public._eq`
    },
    {
      query: '{ article(where: { labels: { _eq: ["a", 1] } }) { id } }', code: 'parse-failed',
      message: 'parsing Text failed, expected String, but encountered Number', path: `${where}.labels._eq[1]`
    },
    {
      query: '{ article(where: { labels: { _eq: { a: 1 } } }) { id } }', code: 'parse-failed',
      message: 'parsing [] failed, expected Array, but encountered Object', path: `${where}.labels._eq`
    },
    {
      query: '{ article(where: { published_at: { _gt: 1 } }) { id } }', code: 'parse-failed',
      message: 'A string is expected for type: timestamptz', path: `${where}.published_at._gt`
    },
    {
      query: '{ article(where: { id: { _eq: "two" } }) { id } }', code: 'data-exception',
      message: 'invalid input syntax for type integer: "two"'
    }
  ],
  'a number out of range': [
    {
      query: '{ article_by_pk(id: 2147483648) { id } }', code: 'parse-failed', path: '$.selectionSet.article_by_pk.args.id',
      message: 'The value 2.147483648e9 lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?'
    },
    {
      query: '{ article_by_pk(id: 1.5) { id } }', code: 'parse-failed', path: '$.selectionSet.article_by_pk.args.id',
      message: 'The value 1.5 lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?'
    },
    {
      query: '{ article(limit: 3000000000) { id } }', code: 'parse-failed', path: `${article}.args.limit`,
      message: 'The value 3.0e9 lies outside the bounds or is not an integer. Maybe it is a float, or is there integer overflow?'
    }
  ],
  'an unknown enum value': [
    {
      query: 'mutation { insert_article_one(object: {}, on_conflict: { constraint: article_pkey, update_columns: [notAColumn] }) { id } }',
      path: '$.selectionSet.insert_article_one.args.on_conflict.update_columns[0]',
      message: 'expected one of the values [\'id\', \'title\', \'stars\', \'is_public\', \'tags\', \'price\', \'labels\', '
        + '\'published_at\'] for type \'article_update_column\', but found \'notAColumn\''
    },
    {
      query: 'query ($order: order_by) { article(order_by: { id: $order }) { id } }', variables: { order: 'up' },
      path: `${article}.args.order_by[0].id`,
      message: 'expected one of the values [\'asc\', \'asc_nulls_first\', \'asc_nulls_last\', \'desc\', '
        + '\'desc_nulls_first\', \'desc_nulls_last\'] for type \'order_by\', but found \'up\''
    }
  ],
  'a variable': [
    {
      query: 'query ($id: Int!) { article_by_pk(id: $id) { id } }',
      message: 'expecting a value for non-nullable variable: "id"'
    },
    {
      query: 'query ($title: String!) { article(where: { title: { _eq: $title } }) { id } }', variables: { title: null },
      message: 'null value found for non-nullable type: "String!"'
    },
    { query: '{ article(limit: $lim) { id } }', message: 'unbound variable "lim"' },
    {
      query: 'query ($l: String!) { article(limit: $l) { id } }', variables: { l: '1' },
      message: 'variable \'l\' is declared as \'String!\', but used where \'Int\' is expected', path: `${article}.args.limit`
    },
    {
      query: 'query ($id: Int) { article_by_pk(id: $id) { id } }', variables: { id: 1 },
      message: 'variable \'id\' is declared as \'Int\', but used where \'Int!\' is expected',
      path: '$.selectionSet.article_by_pk.args.id'
    },
    {
      query: 'query ($where: bogus) { article(where: $where) { id } }', variables: { where: {} },
      message: 'variable \'where\' is declared as \'bogus\', but used where \'article_bool_exp\' is expected', path: where
    }
  ],
  'variables that the document does not declare or use': [
    {
      query: '{ article { id } }', variables: { a: 1, b: 2 },
      message: 'unexpected variables in variableValues: a, b'
    },
    {
      query: 'query ($limit: Int, $offset: Int) { article(limit: $limit) { id } }', variables: { limit: 1, offset: 1 },
      message: 'unexpected variables in variableValues: offset'
    }
  ],
  'selections': [
    { query: '{ article }', message: 'missing selection set for \'article\'', path: `${article}.selectionSet` },
    {
      query: '{ article { id { x } } }',
      message: 'unexpected subselection set for non-object field', path: `${article}.selectionSet.id`
    },
    {
      query: '{ article { a: id a: title } }', path: `${article}.selectionSet`,
      message: 'selection of both \'id\' and \'title\' specify the same response name, \'a\''
    },
    {
      query: '{ article(limit: 1) { id } article(limit: 2) { title } }', path: '$.selectionSet',
      message: 'inconsistent arguments between multiple selections of field \'article\''
    }
  ],
  'directives': [
    {
      query: '{ article { id @bogus } }',
      message: 'directive \'bogus\' is not defined in the schema', path: `${article}.selectionSet`
    },
    {
      query: '{ article @include(if: true) @include(if: true) { id } }', path: '$.selectionSet',
      message: 'the following directives are used more than once: \'include\''
    },
    { query: 'query @skip(if: false) { article { id } }', message: 'directive \'skip\' is not allowed on a query' },
    {
      query: '{ article { id @skip } }',
      message: 'missing required field \'if\'', path: `${article}.selectionSet.skip.args.if`
    }
  ],
  'fragments': [
    {
      query: '{ article { ...X } }',
      message: 'reference to undefined fragment "X"', path: `${article}.selectionSet`
    },
    {
      query: '{ article { ...A1 } } fragment A1 on article { ...B1 } fragment B1 on article { ...A1 }',
      message: 'the fragment definition(s) A1 and B1 form a cycle',
      path: `${article}.selectionSet.A1.selectionSet.B1.selectionSet`
    }
  ],
  'operations': [
    {
      query: 'query A { article { id } }', operationName: 'B',
      message: 'no such operation found in the document: "B"'
    },
    {
      query: 'query A { article { id } } query B { article { id } }',
      message: 'exactly one operation has to be present in the document when operationName is not specified'
    },
    { query: '{ article { id }', message: 'not a valid graphql query', path: '$.query' },
    { query: '', message: 'not a valid graphql query', path: '$.query' },
    {
      query: 'subscription { article { id } }', code: 'unexpected-payload',
      message: 'subscriptions are not supported over HTTP, use websockets instead'
    },
    {
      query: 'mutation { update_article(where: {}, _set: { id: 1, stars: 2 }, _inc: { id: 1, stars: 1 }) { affected_rows } }',
      message: 'Column found in multiple operators: [\'id\', \'stars\'].', path: '$.selectionSet.update_article.args'
    }
  ]
}

const bodies: Array<[title: string, body: string, code: string, message: string, path?: string]> = [
  ['a body without a query', '{}', 'parse-failed',
    'parsing Hasura.GraphQL.Transport.HTTP.Protocol.GQLReq(GQLReq) failed, key "query" not found'],
  ['a body that is no object', '1', 'parse-failed',
    'parsing Hasura.GraphQL.Transport.HTTP.Protocol.GQLReq(GQLReq) failed, expected Object, but encountered Number'],
  ['a query that is no text', '{"query":1}', 'parse-failed',
    'parsing Text failed, expected String, but encountered Number', '$.query'],
  ['variables that are no object', '{"query":"{ article { id } }","variables":[]}', 'parse-failed',
    'parsing HashMap failed, expected Object, but encountered Array', '$.variables'],
  ['a bad element of an array', '[1]', 'parse-failed',
    'parsing Hasura.GraphQL.Transport.HTTP.Protocol.GQLReq(GQLReq) failed, expected Object, but encountered Number', '$[0]'],
  ['a body that is no JSON', 'not json', 'invalid-json', 'Unexpected "not json", expecting JSON value'],
  ['an empty body', '', 'invalid-json', 'Unexpected end-of-input, expecting JSON value'],
  ['half of a surrogate pair', '{"query":"\\ud800"}', 'invalid-json', 'Unexpected "{\\"query\\":\\"\\\\ud80", expecting JSON value']
]

onEachDatabase('mistakes in a request', async (t, database) => {
  const project = projectWith(t, { migration, tables: { article: 'table: { name: article, schema: public }' } })
  const { graphql, hasuraUrl } = await sandbox(t, { database, project })
  const headers = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  const post = async (body: string): Promise<string> => (
    (await fetch(`${hasuraUrl}/v1/graphql`, { method: 'POST', headers, body })).text()
  )
  const fault = (code: string, message: string, path: string) => ({ errors: [{ message, extensions: { path, code } }] })

  for (const [title, cases] of Object.entries(mistakes)) {
    t.test(title, async (t) => {
      for (const { code = 'validation-failed', message, path = '$', ...request } of cases) {
        t.strictSame(JSON.parse(await post(JSON.stringify(request))), fault(code, message, path), String(request.query))
      }
    })
  }
  t.test('the body', async (t) => {
    for (const [title, body, code, message, path = '$'] of bodies) {
      t.strictSame(JSON.parse(await post(body)), fault(code, message, path), title)
    }
  })

  t.test('requests that Hasura accepts', async (t) => {
    const first = [{ title: 'first' }]
    const accepted: Array<[query: string, article: object[], variables?: object]> = [
      ['{ article(where: { id: { _eq: "1" } }) { title } }', first],
      ['{ article(where: { id: { _in: "1" } }) { title } }', first],
      ['{ article(where: { is_public: { _eq: "false" } }) { title } }', first],
      ['{ article(where: { stars: { _eq: "9007199254740993" } }) { title } }', first],
      ['{ article(where: { id: { _eq: 1.0 } }) { title } }', first],
      ['query ($id: Int) { article(where: { id: { _eq: $id } }) { title } }', first, { id: '1' }],
      ['{ article(offset: "3") { title } }', []],
      ['query ($offset: Int) { article(offset: $offset) { title } }', [], { offset: '3' }],
      ['query ($a: Int, $b: Int = 1) { article(limit: $b) { title } }', first],
      ['query ($id: Int = 1) { article(where: { id: { _nin: [2, $id] } }) { title } }', []],
      ['{ article { title } } fragment Unused on nothing { bogus }', first],
      ['{ article { ...on user { email } title } }', first],
      ['query @cached(ttl: 60) { article { title @include(if: true) id @skip(if: true) } }', first],
      ['query ($yes: Boolean!) { article { ...T @include(if: $yes) } } fragment T on article { title }', first, { yes: true }],
      ['{ article(limit: 1) { title } article(limit: 1) { title tags } }', [{ title: 'first', tags: null }]],
      ['{ article(where: null, limit: null, offset: null, order_by: null) { title } }', first]
    ]
    for (const [query, article, variables] of accepted) {
      t.strictSame(await graphql(query, { headers, ...(variables && { variables }) }), { data: { article } }, query)
    }
    t.strictSame(await graphql('mutation { update_article_by_pk(pk_columns: { id: 1 }, _set: {}) { id } }', { headers }),
      { data: { update_article_by_pk: {} } })
  })

  t.test('bigint and numeric keep all their digits, both ways', async (t) => {
    const query = 'query ($n: numeric, $i: bigint) { article(where: { price: { _eq: $n }, stars: { _eq: $i } }) { stars price } }'
    t.equal(
      await post(`{"query":"${query}","variables":{"n":12345678901234567890.123456789,"i":9007199254740993}}`),
      '{"data":{"article":[{"stars":9007199254740993,"price":12345678901234567890.123456789}]}}'
    )
    t.equal(await post('{"query":"{ article(where: { stars: { _eq: 9007199254740993 } }) { price } }"}'),
      '{"data":{"article":[{"price":12345678901234567890.123456789}]}}')
  })

  t.test('of two equal keys in the body, the first one counts', async (t) => {
    t.equal(await post('{"query":"{ article { id } }","query":"{ bogus }"}'), '{"data":{"article":[{"id":1}]}}')
  })

  t.test('an array of requests gets an array of answers', async (t) => {
    const [one, two] = ['{ article { id } }', '{ bogus }'].map(query => ({ query }))
    t.strictSame(JSON.parse(await post(JSON.stringify([one, two, one]))), [
      { data: { article: [{ id: 1 }] } },
      fault('validation-failed', 'field \'bogus\' not found in type: \'query_root\'', '$.selectionSet.bogus'),
      { data: { article: [{ id: 1 }] } }
    ])
    t.equal(await post('[]'), '[]')
  })
})
