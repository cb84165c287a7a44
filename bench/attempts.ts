/** The password of every account that the stand-in for Hasura knows. */
export const password = 'a-password-of-the-bench'

export const actionSecret = 'action-secret-of-the-bench'

export interface Attempt { method: 'GET' | 'POST', path: string, body: string | null }

function action (path: string, input: object): Attempt {
  return { method: 'POST', path, body: JSON.stringify({ input }) }
}

let unknown = 0

/** What a caller can ask for. Each has an account of its own, by its number. */
export const attempts = {
  'login': (caller: number) => action('/login', { email: `caller-${caller}@bench.test`, password }),
  'wrong password': (caller: number) => action('/login', { email: `caller-${caller}@bench.test`, password: `${password}!` }),
  // Another one each time, as a scan of addresses has: what is kept of each must not pile up.
  'unknown email': () => action('/login', { email: `unknown-${unknown++}@bench.test`, password }),
  'unreadable hash': (caller: number) => action('/login', { email: `unreadable-${caller}@bench.test`, password }),
  // A verify of a hash of hardly any cost: everything that a login does but for its hash and token.
  'cheap failure': (caller: number) => action('/login', { email: `cheap-${caller}@bench.test`, password: `${password}!` }),
  'bad input': (caller: number) => action('/login', { email: `caller-${caller}@bench.test` }),
  'sign-up': (caller: number) => action('/signup', { email: `new-${caller}@bench.test`, password }),
  'health': () => ({ method: 'GET', path: '/healthz', body: null })
} satisfies Record<string, (caller: number) => Attempt>

export type Kind = keyof typeof attempts
