import { claimsOf } from './token.js'

/** Sends one request with these headers and returns the whole answer. */
export async function call (headers, query, variables) {
  const response = await fetch('/v1/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables })
  })
  return response.json()
}

/** The headers of each kind of caller; undefined if the page has none of that kind. */
export function createCallers (client, { adminSecret }) {
  const you = async () => {
    const token = await client.accessToken()
    return token && { authorization: `Bearer ${token}` }
  }
  const administrator = async () => {
    // The page only knows the public default. With a secret of your own, log in as a user with the role admin.
    if (adminSecret) return { 'x-hasura-admin-secret': adminSecret }
    const headers = await you()
    const roles = headers && claimsOf(headers.authorization)['x-hasura-allowed-roles']
    return roles?.includes('admin') ? { ...headers, 'x-hasura-role': 'admin' } : undefined
  }
  return {
    you,
    anonymous: async () => ({}),
    administrator,
    /** Runs an operation as administrator. */
    async administer (query, variables) {
      const { data, errors } = await call(await administrator(), query, variables)
      if (errors) throw Object.assign(new Error(errors[0].message), errors[0].extensions)
      return data
    }
  }
}
