import { button, find, formatTime, make, replace, run, table } from './dom.js'

const query = `{
  user_session(order_by: { created_at: desc }, limit: 50) {
    id user_agent created_at refreshed_at idle_expires_at expires_at ended_at ended_because
  }
}`

/** Browser and system, such as `Chrome on Linux`. A user agent can claim anything, so this is only a hint. */
function deviceOf (userAgent) {
  if (!userAgent) return 'unknown device'
  const pick = names => Object.entries(names).find(([mark]) => userAgent.includes(mark))?.[1]
  const browser = pick({ 'Edg/': 'Edge', 'OPR/': 'Opera', 'Firefox/': 'Firefox', 'Chrome/': 'Chrome', 'Safari/': 'Safari' })
  const system = pick({ 'Android': 'Android', 'iPhone': 'iPhone', 'iPad': 'iPad', 'Windows': 'Windows', 'Mac OS': 'macOS', 'Linux': 'Linux' })
  if (!browser) return userAgent.split(' ')[0]
  return system ? `${browser} on ${system}` : browser
}

function stateOf ({ ended_at, ended_because, idle_expires_at, expires_at }) {
  if (ended_at) return `ended: ${ended_because}`
  const expiry = Math.min(Date.parse(idle_expires_at), Date.parse(expires_at))
  return expiry < Date.now() ? 'expired' : `until ${formatTime(expiry)}`
}

/** Lists the user's sessions, with buttons to end them. */
export async function showSessions (context) {
  if (context.claims) await run(find('#sessions-output'), async () => listSessions(context))
}

async function listSessions ({ client, asUser, claims, show }) {
  const ownId = claims['x-hasura-session-id']
  const output = find('#sessions-output')
  const { user_session: sessions } = await asUser(query)
  // The access token still works, but another device, or a mailed link, has ended its session: this signs out.
  if (sessions.some(({ id, ended_at }) => id === ownId && ended_at)) await client.refresh()
  const end = async (ended) => {
    for (const { id } of ended) await asUser('mutation ($id: String!) { RevokeSession(id: $id) { ok } }', { id })
    await show()
  }
  const isAlive = session => !stateOf(session).startsWith('e')
  const others = sessions.filter(session => isAlive(session) && session.id !== ownId)
  replace(find('#sessions-list'), table(['Device', 'Started', 'Refreshed', 'State', ''], sessions.map(session => [
    [make('span', { title: session.user_agent ?? '' }, deviceOf(session.user_agent)), ...session.id === ownId ? [' ', make('b', { className: 'badge' }, 'this one')] : []],
    formatTime(session.created_at),
    formatTime(session.refreshed_at),
    stateOf(session),
    isAlive(session)
      ? [button('End', output, async () => end([session]), { value: session.id, ariaLabel: `End ${deviceOf(session.user_agent)}, ${formatTime(session.created_at)}` })]
      : []
  ])))
  const value = others.map(({ id }) => id).join()
  replace(find('#end-others'), button(`End all others (${others.length})`, output, async () => end(others), { value, hidden: !value }))
}
