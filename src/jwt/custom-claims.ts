/** The claims that every token has already, from `id`, `default_role` and `roles` of the user alone. */
const reserved = ['x-hasura-allowed-roles', 'x-hasura-default-role', 'x-hasura-user-id'] as const

/** What Hasura sets itself for every request, or leaves out. */
const hasuras = ['x-hasura-role', 'x-hasura-admin-secret', 'x-hasura-access-key']

type Scalar = string | number | boolean | null

/** Claims beyond Hasura's own three; one that is null or undefined is left out of the token. */
export type CustomClaims = Record<`x-hasura-${string}`, Scalar | readonly Scalar[] | undefined>
  & Partial<Record<typeof reserved[number], never>>

function checkName (name: string): void {
  if (!name.startsWith('x-hasura-')) throw new Error(`The claim ${name} of src/claims.ts must start with x-hasura-`)
  if (hasuras.includes(name)) {
    throw new Error(`The claim ${name} of src/claims.ts is Hasura's own, and no permission would see it: give it another name`)
  }
  if (!reserved.some(other => other === name)) return
  throw new Error(`The claim ${name} of src/claims.ts is this service's own: take it out, or give it another name`)
}

/** An element of a list, quoted always: else NULL, an empty text, commas and braces would mean something else. */
function toElement (name: string, item: unknown): string {
  if (item === null || item === undefined) return 'NULL'
  return `"${toText(name, item).replaceAll(/["\\]/g, '\\$&')}"`
}

/** JSON.parse rounds an integer beyond 2^53, and its neighbour may be somebody else's id. */
function isExact (value: number): boolean {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
}

function toText (name: string, value: unknown): string {
  if (typeof value === 'number' && !isExact(value)) {
    throw new Error(`The claim ${name} of src/claims.ts is a number beyond 2^53, which JSON does not carry exactly: let `
      + 'Hasura send it as text, with HASURA_GRAPHQL_STRINGIFY_NUMERIC_TYPES=true')
  }
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value)
  throw new Error(`The claim ${name} of src/claims.ts must be text, a number, a boolean or a list of these`)
}

/** Hasura takes strings alone: a list becomes PostgreSQL's literal of an array, which a permission's column casts. */
function toClaim (name: string, value: unknown): string {
  if (!Array.isArray(value)) return toText(name, value)
  return `{${value.map(item => toElement(name, item)).join(',')}}`
}

/**
 * Makes of what `src/claims.ts` returns the claims of a token, with names in lower case. A mistake there fails the
 * login: every permission that reads a claim relies on it.
 *
 * @throws Error that names the claim
 */
export function toHasuraClaims (claims: CustomClaims): Record<string, string> {
  const entries = Object.entries<unknown>(claims).map(([name, value]) => [name.toLowerCase(), value] as const)
  const names = new Set<string>()
  for (const [name] of entries) {
    checkName(name)
    if (names.has(name)) throw new Error(`The claim ${name} of src/claims.ts is there twice, in two spellings: leave one`)
    names.add(name)
  }
  return Object.fromEntries(entries
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, toClaim(name, value)]))
}
