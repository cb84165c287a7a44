/** The claims that the service sets itself, from the user's row and the session only. */
const reserved = ['x-hasura-allowed-roles', 'x-hasura-default-role', 'x-hasura-user-id', 'x-hasura-session-id'] as const

/** Hasura sets these itself for every request, or removes them. */
const hasuraOwned = ['x-hasura-role', 'x-hasura-admin-secret', 'x-hasura-access-key']

type Scalar = string | number | boolean | null

/** Claims beyond the reserved ones. A claim that is null or undefined is omitted. */
export type CustomClaims = Record<`x-hasura-${string}`, Scalar | readonly Scalar[] | undefined>
  & Partial<Record<typeof reserved[number], never>>

const describe = (name: string): string => `The claim ${name} of src/claims.ts`
const mistake = (name: string, problem: string): Error => new Error(`${describe(name)} ${problem}`)

function checkName (name: string): void {
  if (!name.startsWith('x-hasura-')) throw mistake(name, 'must start with x-hasura-')
  if (hasuraOwned.includes(name)) throw mistake(name, 'is set by Hasura, so no permission would see it: rename it')
  if (reserved.some(other => other === name)) throw mistake(name, 'is set by this service: remove or rename it')
}

/**
 * JSON.parse rounds a larger integer, and the result may be another user's id.
 *
 * @param what - names the value in the error
 */
export function refuseRoundedNumber (value: unknown, what: string): void {
  // NaN fails this comparison, too.
  if (typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return
  throw new Error(`${what} is a number beyond 2^53, which JSON does not carry exactly: `
    + 'set HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true, so that Hasura sends it as text')
}

function toText (name: string, value: unknown): string {
  refuseRoundedNumber(value, describe(name))
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value)
  throw mistake(name, 'must be text, a number, a boolean or a list of these')
}

/** Hasura accepts only strings: a list becomes a PostgreSQL array literal, which permissions cast. */
function toClaim (name: string, value: unknown): string {
  if (!Array.isArray(value)) return toText(name, value)
  // Unquoted, empty text, NULL, a comma or a brace has another meaning.
  const elements = value.map((item: unknown) => (
    item === null || item === undefined ? 'NULL' : `"${toText(name, item).replaceAll(/["\\]/g, '\\$&')}"`
  ))
  return `{${elements.join(',')}}`
}

/**
 * Converts what `src/claims.ts` returns into claims for Hasura, with names in lower case. A mistake fails the login,
 * because permissions rely on every claim.
 *
 * @throws Error that names the claim
 */
export function toHasuraClaims (claims: CustomClaims): Record<string, string> {
  const names = Object.keys(claims).map(name => name.toLowerCase())
  for (const name of names) checkName(name)
  const repeated = names.find((name, index) => names.indexOf(name) < index)
  if (repeated !== undefined) throw mistake(repeated, 'exists in two spellings: remove one')
  const present = Object.entries<unknown>(claims).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(present.map(([name, value]) => [name.toLowerCase(), toClaim(name.toLowerCase(), value)]))
}
