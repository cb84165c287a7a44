// Names the entry in the storage, the channel and the lock.
const name = 'hasura-session'
const tokens = 'token expires_in refresh_token session_id'
const maxDelay = 2 ** 31 - 1
const sleep = milliseconds => new Promise((resolve) => { setTimeout(resolve, milliseconds) })

/**
 * A client of Hasura that keeps its user signed in. All tabs of a browser share one session, in `localStorage`.
 * A client with another storage shares nothing: use one in a mobile app, or for each request on a server.
 *
 * @param {object} [options]
 * @param {string} [options.endpoint] - the URL of Hasura's GraphQL API
 * @param {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} [options.storage] - keeps the refresh token
 * @param {(change: { isOwn: boolean, session_id?: string }) => void} [options.onChange] - called when the user signs
 *   in or out, and after each refresh. `isOwn` is false if that was in another tab. Without `session_id`, nobody is
 *   signed in.
 */
export function createClient ({ endpoint = '/v1/graphql', storage = localStorage, onChange = () => {} } = {}) {
  const channel = storage === globalThis.localStorage ? new BroadcastChannel(name) : undefined
  // { token, expiresAt, session_id }, only in memory.
  let access
  let timer
  let refreshing
  let onMessage = () => {}

  // { session_id, refresh_token }; the token is null if an HttpOnly cookie holds it.
  const session = () => JSON.parse(storage.getItem(name))

  function refreshIn (milliseconds) {
    clearTimeout(timer)
    timer = setTimeout(() => refresh().catch(() => {}), Math.min(milliseconds, maxDelay))
  }

  function use (newAccess, isOwn) {
    access = newAccess
    clearTimeout(timer)
    // Refreshes when a tenth of the lifetime is left. All tabs try to, and one of them sends the request.
    if (access) refreshIn((access.expiresAt - Date.now()) * 0.9)
    // The storage may still have the previous session: a message can arrive before the change of the storage.
    onChange({ isOwn, session_id: access?.session_id })
  }

  // Another tab has signed in or out, or has refreshed.
  if (channel) {
    channel.onmessage = ({ data }) => {
      use(data, false)
      onMessage()
    }
  }

  function keep ({ token, expires_in, refresh_token, session_id }) {
    storage.setItem(name, JSON.stringify({ session_id, refresh_token }))
    // By the clock of this device, which may differ from the server's.
    use({ token, expiresAt: Date.now() + expires_in * 1000, session_id }, true)
    channel?.postMessage(access)
  }

  function forget () {
    storage.removeItem(name)
    use(undefined, true)
    channel?.postMessage(undefined)
  }

  /** Sends one request. Without a token it has no Authorization header: an expired one makes even Login fail. */
  async function send (query, variables, { token, headers, timeoutMs = 60_000 } = {}) {
    const response = await fetch(endpoint, {
      method: 'POST',
      credentials: 'include',
      signal: AbortSignal.timeout(timeoutMs),
      headers: { 'content-type': 'application/json', ...headers, ...token && { authorization: `Bearer ${token}` } },
      body: JSON.stringify({ query, variables })
    })
    const { data, errors } = await response.json()
    if (errors) throw Object.assign(new Error(errors[0].message), errors[0].extensions)
    return data
  }

  async function exchange () {
    const used = session()
    if (!used) return
    // The user may log out or in while the request is under way.
    const isCurrent = () => session()?.session_id === used.session_id
    try {
      const { Refresh } = await send(
        `mutation ($refresh_token: String) { Refresh(refresh_token: $refresh_token) { ${tokens} } }`,
        { refresh_token: used.refresh_token },
        // After a lost answer, the next try must come within REFRESH_GRACE_SECONDS. A later one ends the session.
        { timeoutMs: 15_000 }
      )
      // An answer without a refresh token means: keep the one that you have.
      if (isCurrent()) keep({ ...Refresh, refresh_token: Refresh.refresh_token ?? used.refresh_token })
    } catch (error) {
      if (error.code === 'invalid-refresh-token' && isCurrent()) forget()
      throw error
    }
  }

  // The tab that gets the lock sends the request. The others wait for its message.
  async function exchangeOnce () {
    const before = access
    const message = new Promise((resolve) => { onMessage = resolve })
    const exchangeIfFirst = async (lock) => {
      if (lock) await exchange()
      return lock !== null
    }
    const locks = channel && globalThis.navigator?.locks
    const isDone = await (locks ? locks.request(name, { ifAvailable: true }, exchangeIfFirst) : exchangeIfFirst(true))
    if (isDone) return
    await Promise.race([message, sleep(10_000)])
    // The other tab has failed, was closed, or is suspended.
    if (access === before) await exchange()
  }

  /**
   * Gets a new access token, once for all requests and all tabs. Over plain HTTP a browser has no locks: two tabs may
   * refresh at once, and get the same refresh token. A refresh that fails is repeated after 10 seconds: only
   * `invalid-refresh-token` ends the session.
   */
  function refresh () {
    refreshing ??= exchangeOnce().catch((error) => {
      if (session()) refreshIn(10_000)
      throw error
    }).finally(() => { refreshing = undefined })
    return refreshing
  }

  /** Returns a valid access token, or undefined if nobody is signed in. */
  async function accessToken () {
    if (session() && !(access?.expiresAt > Date.now())) await refresh()
    return access?.token
  }

  /** Runs an operation. Throws Hasura's first error, with its `code`. */
  async function request (query, variables, headers) {
    await accessToken()
    const used = access
    try {
      return await send(query, variables, { token: used?.token, headers })
    } catch (error) {
      // The token has expired, or its session has ended. Nothing has run, so it is safe to repeat.
      if (!used || !['invalid-jwt', 'not-authenticated'].includes(error.code)) throw error
      if (access === used) await refresh()
      // Another user may have logged in meanwhile, and must not repeat this user's request.
      if (access?.session_id !== used.session_id) throw error
      return send(query, variables, { token: access.token, headers })
    }
  }

  return {
    session,
    accessToken,
    refresh,
    request,
    /** Signs up and logs in with one request. If the first field fails, Hasura does not run the second. */
    async signup (email, password) {
      const { Login } = await send(
        `mutation ($email: String!, $password: String!) {
          Signup(email: $email, password: $password) { id }
          Login(email: $email, password: $password) { ${tokens} }
        }`,
        { email, password }
      )
      keep(Login)
    },
    async login (email, password) {
      const { Login } = await send(
        `mutation ($email: String!, $password: String!) { Login(email: $email, password: $password) { ${tokens} } }`,
        { email, password }
      )
      keep(Login)
    },
    /** Ends all sessions of the user, and starts a new one here. */
    async changePassword (current_password, new_password) {
      const { ChangePassword } = await request(
        `mutation ($current_password: String!, $new_password: String!) {
          ChangePassword(current_password: $current_password, new_password: $new_password) { ${tokens} }
        }`,
        { current_password, new_password }
      )
      keep(ChangePassword)
    },
    async logout (everywhere = false) {
      const refresh_token = session()?.refresh_token
      forget()
      await send(
        'mutation ($refresh_token: String, $everywhere: Boolean) { Logout(refresh_token: $refresh_token, everywhere: $everywhere) { ok } }',
        { refresh_token, everywhere }
      )
    },
    /** Signs out in this browser without a request, for example after the account was deleted. */
    forget
  }
}
