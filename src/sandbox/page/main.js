import { prepareAccount, resetAccount, showAccount } from './account.js'
import { createCallers } from './callers.js'
import { createClient } from './client.js'
import { find, prepareCopying, run } from './dom.js'
import { watchInbox } from './inbox.js'
import { prepareRows, showRows } from './rows.js'
import { showSessions } from './sessions.js'
import { claimsOf, showRefresh, showToken } from './token.js'
import { showUsers } from './users.js'

const panels = [showAccount, showRows, showSessions, showUsers]
const settings = await (await fetch('/page/settings.json')).json()
const sessionEnded = 'You are signed out: your session has ended. Possible reasons: a log-out in another tab or on another device, a new '
  + 'password or email, or an administrator who disabled you.'
let shown = Promise.resolve()

async function showAll () {
  const token = await client.accessToken().catch((error) => {
    // There is a session, but no token yet: show at least the form.
    document.body.className ||= 'signed-out'
    throw error
  })
  document.body.className = token ? 'signed-in' : 'signed-out'
  const claims = showToken(token)
  const ended = find('#ended')
  if (!wasSignedIn && token) ended.textContent = sessionEnded
  if (wasSignedIn || token) ended.hidden = Boolean(token)
  if (wasSignedIn !== Boolean(token)) resetAccount()
  wasSignedIn = Boolean(token)
  await Promise.all(panels.map(async panel => panel({ ...context, claims })))
}

/** Shows the newest state, after the calls before it. */
async function show () {
  const newest = shown = shown.then(async () => run(find('#page-output'), showAll))
  find('main').ariaBusy = 'true'
  await newest
  if (newest === shown) find('main').ariaBusy = 'false'
}

const client = createClient({ onChange: (change) => {
  showRefresh(change)
  void show()
} })
/** As the role user, also for a user whose default role is another one. */
async function asUser (query, variables) {
  const token = await client.accessToken()
  const isUser = token && claimsOf(token)['x-hasura-allowed-roles'].includes('user')
  return client.request(query, variables, isUser ? { 'x-hasura-role': 'user' } : {})
}
let wasSignedIn = client.session() !== null
find('#ended').textContent = sessionEnded
const context = { client, callers: createCallers(client, settings), asUser, show }

prepareAccount(context)
prepareRows(context)
prepareCopying()
find('#refresh').onclick = async () => run(find('#refresh-output'), async () => client.refresh())
// A mailed link may have changed something in another tab.
window.onfocus = show
watchInbox(client)
void show()
