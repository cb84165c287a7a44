/** The claims that the service sets itself, from the user's row and the session only. */
const reserved = [
  'x-hasura-allowed-roles', 'x-hasura-default-role', 'x-hasura-user-id', 'x-hasura-session-id'
] as const

/** Hasura sets these itself for every request, or removes them. */
const hasuraOwned = ['x-hasura-role', 'x-hasura-admin-secret', 'x-hasura-access-key']

type Scalar = string | number | boolean | null

/** Claims beyond the three reserved ones. A claim that is null or undefined is omitted. */
export type CustomClaims = Record<`x-hasura-${string}`, Scalar | readonly Scalar[] | undefined>
  & Partial<Record<typeof reserved[number], never>>

function mistake (name: string, problem: string): Error {
  return new Error(`The claim ${name} of src/claims.ts ${problem}`)
}

function checkName (name: string): void {
  if (!name.startsWith('x-hasura-')) throw mistake(name, 'must start with x-hasura-')
  if (hasuraOwned.includes(name)) throw mistake(name, 'is set by Hasura, so no permission would see it: rename it')
  if (reserved.some(other => other === name)) throw mistake(name, 'is set by this service: remove or rename it')
}

function toText (name: string, value: unknown): string {
  // JSON.parse rounds a larger integer, and the result may be another user's id. NaN fails this comparison, too.
  if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) {
    throw mistake(name, 'is a number beyond 2^53, which JSON does not carry exactly: '
      + 'set HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true, so that Hasura sends it as text')
  }
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value)
  throw mistake(name, 'must be text, a number, a boolean or a list of these')
}

/** Quotes every element: an unquoted NULL, empty text, comma or brace has another meaning. */
function toElement (name: string, item: unknown): string {
  return item === null || item === undefined ? 'NULL' : `"${toText(name, item).replaceAll(/["\\]/g, '\\$&')}"`
}

/** Hasura accepts only strings: a list becomes a PostgreSQL array literal, which permissions cast. */
function toClaim (name: string, value: unknown): string {
  return Array.isArray(value) ? `{${value.map(item => toElement(name, item)).join(',')}}` : toText(name, value)
}

/**
 * Converts what `src/claims.ts` returns into claims for Hasura, with names in lower case. A mistake fails the login,
 * because permissions rely on every claim.
 *
 * @throws Error that names the claim
 */
export function toHasuraClaims (claims: CustomClaims): Record<string, string> {
  const result = new Map<string, unknown>()
  for (const [spelling, value] of Object.entries<unknown>(claims)) {
    const name = spelling.toLowerCase()
    checkName(name)
    if (result.has(name)) throw mistake(name, 'exists in two spellings: remove one')
    result.set(name, value)
  }
  const present = Array.from(result).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(present.map(([name, value]) => [name, toClaim(name, value)]))
}
