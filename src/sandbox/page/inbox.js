import { find, formatTime, make } from './dom.js'

const pollingMs = 1000
const shown = new Set()

/** Links of the text to more than the front page of the app, without the full stop after them. */
function linksOf (text) {
  const links = (text.match(/https?:\/\/[^\s<>"]+/g) ?? []).map(link => link.replace(/[.,)]+$/, ''))
  return [...new Set(links)].filter(link => new URL(link).pathname !== '/')
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
    const mails = (await response.json()).filter(({ id }) => !shown.has(id))
    for (const mail of mails) {
      shown.add(mail.id)
      list.prepend(showMail(client, mail))
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
