import { find, formatTime, make } from './dom.js'

const pollingMs = 1000
// The elements of the mails that are shown.
const shown = new Map()

/** Links of the text to more than the front page of the app, without the full stop after them. */
function linksOf (text) {
  const links = (text.match(/https?:\/\/[^\s<>"]+/g) ?? []).map(link => link.replace(/[.,)]+$/, ''))
  return [...new Set(links)].filter(link => URL.canParse(link) && new URL(link).pathname !== '/')
}

function linkTo (client, href) {
  const { origin, pathname } = new URL(href)
  if (origin !== location.origin) return make('a', { href, target: '_blank', rel: 'noopener' }, href)
  // The pages of docs/mail.md look for the access token in sessionStorage, which the new tab gets as a copy.
  const link = make('a', { href, target: '_blank', rel: 'opener', className: 'button' }, `Open ${pathname}`)
  link.onclick = async (event) => {
    event.preventDefault()
    const token = await client.accessToken().catch(() => undefined)
    if (token) sessionStorage.setItem('access_token', token)
    open(href, '_blank')
    sessionStorage.removeItem('access_token')
  }
  return link
}

function showMail (client, { id, to, subject, text, html, date }) {
  // The answer has a policy of its own: no script, and nothing from elsewhere.
  const frame = make('iframe', { title: subject, sandbox: 'allow-popups allow-popups-to-escape-sandbox' })
  const mail = make('details', { className: 'mail' },
    make('summary', {}, make('b', {}, subject), make('small', {}, `to ${to}, `, make('time', { dateTime: date }, formatTime(date)))),
    make('p', { className: 'row' }, ...linksOf(text).map(link => linkTo(client, link))),
    html ? frame : make('pre', {}, text))
  mail.ontoggle = () => { frame.src ||= `/inbox/${id}` }
  return mail
}

/** Shows new mails as they arrive. */
export function watchInbox (client) {
  const list = find('#mails')
  const poll = async () => {
    const response = await fetch('/inbox.json')
    if (response.status === 404) {
      find('#inbox-empty').textContent = 'The sandbox does not catch mails, because SMTP_URL is set.'
      return
    }
    // After a restart of the sandbox, the ids start again.
    const mails = new Map((await response.json()).map(mail => [`${mail.id} ${mail.date}`, mail]))
    for (const [key, mail] of mails) {
      if (shown.has(key)) continue
      shown.set(key, showMail(client, mail))
      list.prepend(shown.get(key))
    }
    for (const key of shown.keys()) {
      if (mails.has(key)) continue
      shown.get(key).remove()
      shown.delete(key)
    }
    find('#inbox-empty').hidden = shown.size > 0
    find('#inbox-count').textContent = shown.size || ''
  }
  const pollAgain = async () => {
    if (!document.hidden) await poll().catch(() => {})
    setTimeout(pollAgain, pollingMs)
  }
  void pollAgain()
}
