import type { Test } from 'tap'
import type { JsonWebToken } from '../../src/generated/actions.ts'
import { request } from './sandbox.ts'
import { settings } from './service.ts'

/** A secret for refresh tokens, which turns sessions on. */
export const tokenSecret = { TOKEN_SECRET: 'a-token-secret-of-at-least-32-characters' }

export const password = 'a-password'

interface Answer { data?: Record<string, unknown>, errors?: Array<{ extensions: { code: string } }> }

interface CallOptions { token?: string | undefined, headers?: Record<string, string> }

/** Shorthands for clients of a sandbox that uses sessions, and for its administrator. */
export function clientsOf (url: string) {
  const admin = { 'x-hasura-admin-secret': settings.HASURA_GRAPHQL_ADMIN_SECRET }
  const graphql = async (query: string, variables: object, options: CallOptions = {}): Promise<Answer> => {
    const { token, headers = {} } = options
    const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return request(url, query, { variables, headers: { ...headers, ...authorization } })
  }
  /** The data of a mutation's only field, or the code of its error. */
  const call = async (query: string, variables: object, options?: CallOptions): Promise<unknown> => {
    const { data, errors } = await graphql(query, variables, options)
    return errors === undefined ? Object.values(data ?? {})[0] : errors[0]?.extensions.code
  }
  const tokens = 'token expires_in refresh_token session_id'
  return {
    graphql,
    call,
    asAdmin: async (query: string, variables: object = {}) => graphql(query, variables, { headers: admin }),
    signup: async (email: string) => (
      call('mutation ($e: String!, $p: String!) { Signup(email: $e, password: $p) { id } }', { e: email, p: password })
    ),
    login: async (email: string, options?: CallOptions & { password?: string }) => call(
      `mutation ($e: String!, $p: String!) { Login(email: $e, password: $p) { ${tokens} } }`,
      { e: email, p: options?.password ?? password }, options
    ),
    refresh: async (token?: string | null, options?: CallOptions) => (
      call(`mutation ($t: String) { Refresh(refresh_token: $t) { ${tokens} } }`, { t: token }, options)
    ),
    logout: async (variables: { t?: string | null | undefined, e?: boolean }, options?: CallOptions) => (
      call('mutation ($t: String, $e: Boolean) { Logout(refresh_token: $t, everywhere: $e) { ok } }', variables, options)
    ),
    revoke: async (id: string, options?: CallOptions) => (
      call('mutation ($id: String!) { RevokeSession(id: $id) { ok } }', { id }, options)
    ),
    changePassword: async (current: string, fresh: string, options?: CallOptions) => call(
      `mutation ($c: String!, $n: String!) { ChangePassword(current_password: $c, new_password: $n) { ${tokens} } }`,
      { c: current, n: fresh }, options
    ),
    requestReset: async (email: string, options?: CallOptions) => (
      call('mutation ($e: String!) { RequestPasswordReset(email: $e) { ok } }', { e: email }, options)
    ),
    resetPassword: async (token: string, fresh: string, options?: CallOptions) => call(
      'mutation ($t: String!, $p: String!) { ResetPassword(token: $t, password: $p) { ok } }', { t: token, p: fresh }, options
    ),
    sendVerification: async (options?: CallOptions) => call('mutation { SendVerification { ok } }', {}, options),
    verifyEmail: async (token: string, options?: CallOptions) => (
      call('mutation ($t: String!) { VerifyEmail(token: $t) { ok } }', { t: token }, options)
    ),
    changeEmail: async (email: string, options?: CallOptions & { password?: string }) => call(
      'mutation ($e: String!, $p: String!) { ChangeEmail(email: $e, password: $p) { ok } }',
      { e: email, p: options?.password ?? password }, options
    ),
    confirmEmailChange: async (token: string, options?: CallOptions) => (
      call('mutation ($t: String!) { ConfirmEmailChange(token: $t) { ok } }', { t: token }, options)
    ),
    deleteAccount: async (options?: CallOptions & { password?: string }) => (
      call('mutation ($p: String!) { DeleteAccount(password: $p) { ok } }', { p: options?.password ?? password }, options)
    ),
    /** Moves a session into the past, as if that many seconds had passed since. */
    age: async (id: string, seconds: number) => graphql(
      `mutation ($id: uuid!, $t: timestamptz!) {
        update_user_session_by_pk(pk_columns: { id: $id }, _set: { refreshed_at: $t }) { id }
      }`,
      { id, t: new Date(Date.now() - seconds * 1000).toISOString() }, { headers: admin }
    ),
    /** Why each session of a user ended, oldest first; null for one that has not. */
    ends: async (email: string): Promise<Array<string | null>> => {
      const { data } = await graphql(
        `query ($e: String!) {
          user_session(where: { user: { email: { _eq: $e } } }, order_by: { created_at: asc }) { ended_because }
        }`,
        { e: email }, { headers: admin }
      )
      const sessions = data?.['user_session'] as Array<{ ended_because: string | null }>
      return sessions.map(({ ended_because }) => ended_because)
    }
  }
}

type Tokens = Required<JsonWebToken> & { refresh_token: string, session_id: string }

/** The answer as tokens; fails the test if it is the code of an error. */
export function tokensOf (t: Test, answer: unknown): Tokens {
  t.type(answer, 'object', typeof answer === 'string' ? answer : 'tokens')
  return answer as Tokens
}
