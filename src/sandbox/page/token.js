import { find, make } from './dom.js'

const namespace = 'https://hasura.io/jwt/claims'

const meanings = {
  'sub': 'whose token it is',
  'iat': 'issued at',
  'exp': 'expires at',
  'jti': 'unique to this token',
  'iss': 'who issued it',
  'aud': 'the audience',
  'x-hasura-user-id': 'compared with rows by permissions',
  'x-hasura-default-role': 'the role of a request that names none',
  'x-hasura-allowed-roles': 'the roles that x-hasura-role may name',
  'x-hasura-session-id': 'the session that it belongs to'
}

function decode (part) {
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), character => character.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes))
}

/** The claims of a token in one flat object. A page never checks a signature: only Hasura's answer counts. */
export function claimsOf (token) {
  const { [namespace]: nested, ...claims } = decode(token.split('.')[1])
  return { ...claims, ...typeof nested === 'string' ? JSON.parse(nested) : nested }
}

let ticking

/** Starts when a token arrives. The clock of this device may differ from the one that `exp` was read from. */
function countDown ({ iat, exp }) {
  clearInterval(ticking)
  const endsAt = Date.now() / 1000 + exp - iat
  const tick = () => {
    const seconds = Math.max(0, Math.ceil(endsAt - Date.now() / 1000))
    const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
    find('#countdown').textContent = seconds > 0 ? `Expires in ${left}, and is refreshed before that.` : 'Expired. The page tries to refresh it every 10 seconds.'
    find('#lifetime').value = seconds / (exp - iat)
  }
  tick()
  ticking = setInterval(tick, 1000)
}

/** Says which tab got the newest token, and when. */
export function showRefresh ({ isOwn }) {
  find('#refreshed').textContent = `Received at ${new Date().toLocaleTimeString()} by ${isOwn ? 'this tab' : 'another tab'}.`
}

/** Shows a token. Returns its claims. */
export function showToken (token) {
  if (!token) {
    clearInterval(ticking)
    find('#claims').replaceChildren()
    find('#raw-token').textContent = ''
    return undefined
  }
  const claims = claimsOf(token)
  if (find('#raw-token').textContent === token) return claims
  countDown(claims)
  find('#algorithm').textContent = decode(token.split('.')[0]).alg
  find('#raw-token').textContent = token
  find('#claims').replaceChildren(...Object.entries(claims).map(([name, value]) => {
    const isTime = ['iat', 'exp'].includes(name)
    const text = isTime ? new Date(value * 1000).toLocaleTimeString() : [value].flat().join(', ')
    return make('tr', {}, make('th', { scope: 'row' }, name), make('td', { title: String(value) }, text),
      make('td', {}, meanings[name] ?? 'a custom claim'))
  }))
  return claims
}
