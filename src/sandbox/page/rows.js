import { call } from './callers.js'
import { button, find } from './dom.js'

const query = '{ user { id email } }'
const shellQuote = text => `'${text.replaceAll('\'', '\'\\\'\'')}'`

function asCurl (headers) {
  const options = Object.entries(headers).map(([name, value]) => ` \\\n  -H ${shellQuote(`${name}: ${value}`)}`).join('')
  return `curl -s ${location.origin}/v1/graphql${options} \\\n  -d ${shellQuote(JSON.stringify({ query }))}`
}

function asFetch (headers) {
  const all = JSON.stringify({ 'content-type': 'application/json', ...headers }, null, 4).replace('}', '  }')
  return `const response = await fetch('${location.origin}/v1/graphql', {
  method: 'POST',
  headers: ${all},
  body: JSON.stringify({ query: '${query}' })
})
console.log(await response.text())`
}

const explanations = {
  you: 'With your access token. The permissions of your role decide which rows you see.',
  anonymous: 'Without a token. The role anonymous may only call actions, so it has no field user.',
  administrator: 'With the admin secret, or with the role admin. No permissions apply. In production, never do this in a browser.'
}
const missing = {
  you: 'Log in first.',
  administrator: 'HASURA_GRAPHQL_ADMIN_SECRET is your own, and this page does not know it. Log in as a user with the role admin.'
}

let caller = 'you'

/** Sends the query as the chosen caller, and shows the answer. */
export async function showRows ({ callers }) {
  const chosen = caller
  const headers = await callers[chosen]()
  if (chosen !== caller) return
  for (const button of document.querySelectorAll('#callers button')) button.ariaPressed = String(button.value === caller)
  find('#caller-explanation').textContent = headers ? explanations[caller] : missing[caller]
  find('#rows-result').hidden = !headers
  if (!headers) return
  find('#curl').textContent = asCurl(headers)
  find('#fetch').textContent = asFetch(headers)
  const answer = find('#rows-answer')
  const { data, errors } = await call(headers, query).catch((error) => {
    // The previous answer may show rows of another caller.
    answer.textContent = ''
    throw error
  })
  // Another caller was chosen meanwhile.
  if (chosen !== caller) return
  find('#rows-output').textContent = ''
  answer.textContent = JSON.stringify(errors ? { errors } : data, null, 2)
}

/** The buttons that choose the caller. */
export function prepareRows (context) {
  const choose = async (name) => {
    caller = name
    await showRows(context)
  }
  const output = find('#rows-output')
  find('#callers').append(...Object.keys(explanations).map(value => button(`As ${value}`, output, async () => choose(value), { value })))
}
