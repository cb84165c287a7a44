import fc from 'fast-check'
import t from 'tap'
import { toHasuraClaims } from '../../src/jwt/custom-claims.ts'
import type { CustomClaims } from '../../src/jwt/custom-claims.ts'
import { openDatabase } from '../../src/sandbox/database/database.ts'
import { dataFolder, hasura } from '../support/folders.ts'

t.test('values become strings, lists become array literals, and null omits the claim', async (t) => {
  t.strictSame(toHasuraClaims({
    'x-hasura-text': 'a "text"', 'x-hasura-empty': '', 'x-hasura-number': -1.5, 'x-hasura-zero': 0,
    'x-hasura-yes': true, 'x-hasura-no': false, 'x-hasura-null': null, 'x-hasura-nothing': undefined,
    'x-hasura-list': ['a', 'b'], 'x-hasura-ids': [7, 8], 'x-hasura-none': [],
    'x-hasura-odd': ['', 'NULL', null, 'a,b', '{}', '"', '\\', true]
  }), {
    'x-hasura-text': 'a "text"', 'x-hasura-empty': '', 'x-hasura-number': '-1.5', 'x-hasura-zero': '0',
    'x-hasura-yes': 'true', 'x-hasura-no': 'false',
    'x-hasura-list': '{"a","b"}', 'x-hasura-ids': '{"7","8"}', 'x-hasura-none': '{}',
    'x-hasura-odd': String.raw`{"","NULL",NULL,"a,b","{}","\"","\\","true"}`
  })
  t.strictSame(toHasuraClaims({}), {})
})

t.test('PostgreSQL reads the same list from an array literal', async (t) => {
  const db = await openDatabase({ SANDBOX_DATA_DIR: dataFolder(t) }, hasura, () => { /* quiet */ })
  t.teardown(db.close)
  const unit = fc.oneof(fc.constantFrom('"', '\\', ',', '{', '}', ' ', '\n', 'N', 'U', 'L', '\''), fc.string({ unit: 'grapheme' }))
  // Text in PostgreSQL cannot contain NUL.
  const text = fc.array(unit).map(units => units.join('').replaceAll('\0', ''))
  const readBack = async (claim: string | undefined, type: string): Promise<unknown> => (
    (await db.query<{ list: unknown }>(`SELECT to_json($1::text::${type}) AS list`, [claim ?? null])).rows[0]?.list
  )
  await fc.assert(fc.asyncProperty(fc.array(fc.option(text)), async (list) => {
    t.strictSame(await readBack(toHasuraClaims({ 'x-hasura-list': list })['x-hasura-list'], 'text[]'), list)
  }))
  for (const [list, type] of [[[1, -2, null], 'integer[]'], [[true, false], 'boolean[]']] as const) {
    t.strictSame(await readBack(toHasuraClaims({ 'x-hasura-list': list })['x-hasura-list'], type), list)
  }
})

t.test('a reserved claim, another prefix and an object do not compile', async (t) => {
  const claims: CustomClaims[] = [
    // @ts-expect-error -- the id comes from the database
    { 'x-hasura-user-id': '1' },
    // @ts-expect-error -- and so does the default role
    { 'x-hasura-default-role': 'admin' },
    // @ts-expect-error -- and so do the roles
    { 'x-hasura-allowed-roles': ['admin'] },
    // @ts-expect-error -- Hasura ignores names that do not start with x-hasura-
    { 'org-id': '1' },
    // @ts-expect-error -- a permission cannot compare an object
    { 'x-hasura-org': { id: 1 } }
  ]
  for (const item of claims) t.throws(() => toHasuraClaims(item), JSON.stringify(item))
})

t.test('names become lower case, and an unusable claim is an error with its name', async (t) => {
  const own = (name: string): string => `The claim ${name} of src/claims.ts is set by this service: remove or rename it`
  const value = (name: string): string => `The claim ${name} of src/claims.ts must be text, a number, a boolean or a list of these`
  const inexact = (name: string): string => `The claim ${name} of src/claims.ts is a number beyond 2^53, which JSON does not carry `
    + 'exactly: set HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true, so that Hasura sends it as text'
  const table: Array<[Record<string, unknown>, string | object]> = [
    [{ 'X-Hasura-Org-Id': 7 }, { 'x-hasura-org-id': '7' }],
    [{ 'X-Hasura-User-Id': '1' }, own('x-hasura-user-id')],
    [{ 'x-hasura-allowed-roles': null }, own('x-hasura-allowed-roles')],
    [{ 'x-hasura-default-role': undefined }, own('x-hasura-default-role')],
    ...['x-hasura-role', 'X-Hasura-Admin-Secret', 'x-hasura-access-key'].map((name): [Record<string, unknown>, string] => [
      { [name]: 'a' },
      `The claim ${name.toLowerCase()} of src/claims.ts is set by Hasura, so no permission would see it: rename it`
    ]),
    [{ 'x-hasura-org': 1, 'x-hasura-Org': null }, 'The claim x-hasura-org of src/claims.ts exists in two spellings: remove one'],
    [{ 'org-id': 7 }, 'The claim org-id of src/claims.ts must start with x-hasura-'],
    [{ 'x-hasura-org': { id: 7 } }, value('x-hasura-org')],
    [{ 'x-hasura-org': [['7']] }, value('x-hasura-org')],
    [{ 'x-hasura-org': [{}] }, value('x-hasura-org')],
    [{ 'x-hasura-org': 2 ** 53 - 1 }, { 'x-hasura-org': '9007199254740991' }],
    [{ 'x-hasura-org': JSON.parse('9007199254740993') as number }, inexact('x-hasura-org')],
    [{ 'x-hasura-org': [1, NaN] }, inexact('x-hasura-org')],
    [{ 'x-hasura-org': -Infinity }, inexact('x-hasura-org')]
  ]
  for (const [claims, expected] of table) {
    // A jsonb column has values that the compiler does not see.
    const convert = () => toHasuraClaims(claims as CustomClaims)
    if (typeof expected === 'string') t.throws(convert, { message: expected })
    else t.strictSame(convert(), expected)
  }
})
